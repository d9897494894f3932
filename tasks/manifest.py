"""The one explicit schema of the Parquet manifest: a row for every page of every scan."""

from __future__ import annotations

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")

_FACE = pa.struct(
    [
        ("left", pa.int32()),
        ("top", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("score", pa.float32()),
        ("correlations", pa.list_(pa.float32())),
        ("applied", pa.bool_()),
        ("strength", pa.float32()),
        ("reason", pa.string()),
    ]
)

_OUTPUT = pa.struct(
    [
        ("kind", pa.string()),
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("etag", pa.string()),
        ("modified", _TIME),
    ]
)

COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    # identity
    ("run_id", pa.string(), "the run that wrote this row"),
    ("run_sequence", pa.int32(), "its number; a higher one supersedes a lower one"),
    ("partition_id", pa.string(), "the partition of the run"),
    ("committed", _TIME, "when the row was committed, by the clock of the node that did"),
    ("recipe", pa.string(), "digest of everything that determines the pixels"),
    ("requested", pa.string(), "the options the user chose explicitly, as canonical JSON"),
    ("settings", pa.string(), "the whole recipe as JSON: stages, options, revisions, weights"),
    ("source_uri", pa.string(), "where the scan was read from"),
    ("relative_path", pa.string(), "its path below SOURCE, with / between folders"),
    ("page", pa.int32(), "page number from 0; only TIFFs have more than one"),
    ("page_count", pa.int32(), "pages of the file; null where it could not be read"),
    ("source_sha256", pa.string(), "of the file's bytes as read; null where it could not be read"),
    ("source_bytes", pa.int64(), "size of the file as listed"),
    ("source_modified", _TIME, "modification time as listed"),
    ("source_etag", pa.string(), "etag as listed; null on a disk"),
    # what it is
    ("width", pa.int32(), "pixels, orientation applied"),
    ("height", pa.int32(), "pixels, orientation applied"),
    ("bit_depth", pa.int8(), "bits per sample of the source: 8 or 16"),
    ("channels", pa.int8(), "1 grey or 3 RGB, alpha not counted"),
    ("source_format", pa.string(), "tiff, jpeg, png, webp, jp2, avif or heif"),
    ("tone", pa.string(), "monochrome, toned or color"),
    # what happened
    ("status", pa.string(), "restored, unchanged, skipped, failed, quarantined or withdrawn"),
    ("error_class", pa.string(), "name of the error; null unless failed or quarantined"),
    ("error_message", pa.string(), "what was wrong and what to do"),
    ("transient", pa.bool_(), "the next run tries again by itself"),
    ("flags", pa.list_(pa.string()), "reasons for a curator to look"),
    ("notes", pa.list_(pa.string()), "what was noticed while reading the file, in full"),
    ("outputs", pa.list_(_OUTPUT), "every derivative: kind, path below DESTINATION, sha256, ..."),
    # damage
    ("damaged_fraction_before", pa.float32(), "share of pixels detected as damage, 0 to 1"),
    ("damaged_fraction_after", pa.float32(), "the same detector on the restored picture"),
    ("changed_fraction", pa.float32(), "share of pixels inside any stage's mask, 0 to 1"),
    ("psnr_outside_mask", pa.float32(), "dB, derivative as written against source; inf if equal"),
    ("ssim_outside_mask", pa.float32(), "mean SSIM over the same; 1 if equal"),
    ("noise_before", pa.float32(), "standard deviation of noise, in 8-bit levels"),
    ("noise_after", pa.float32(), "the same on the restored picture"),
    ("sharpness_before", pa.float32(), "variance of the Laplacian of a reduced copy, 8-bit levels"),
    ("sharpness_after", pa.float32(), "the same on the restored picture"),
    ("light_range", pa.float32(), "stops between the lightest and the darkest light over it"),
    ("fading", pa.float32(), "certainty that it is faded or has a cast, 0 to 1; only in revive"),
    ("tone_applied", pa.float32(), "share of that correction that was applied, 0 to 1"),
    # faces
    ("face_count", pa.int32(), "faces detected"),
    ("faces_enhanced", pa.int32(), "of them, how many were enhanced"),
    ("faces", pa.list_(_FACE), "box, score, guard's correlations, how strongly, and why not"),
    # color
    ("colorfulness", pa.float32(), "Hasler and Suesstrunk 2003, of the scan"),
    ("cast_before", pa.list_(pa.float32()), "mean a*, b* of the scan (CIELAB)"),
    ("cast_after", pa.list_(pa.float32()), "mean a*, b* of the restored picture"),
    ("tone_measures", pa.string(), "the figures the tone was decided from, as JSON"),
    ("colorized", pa.bool_(), "a colorized derivative was made"),
    ("colorize_reason", pa.string(), "why, or why not"),
    ("colorfulness_colorized", pa.float32(), "colorfulness of the colorized picture"),
    ("chroma_colorized", pa.float32(), "mean CIELAB chroma of the colorized picture"),
    ("color_doubt", pa.float32(), "how far predictions lie apart, over that chroma"),
    ("color_uncertain", pa.float32(), "share of pixels where they lie 10 units apart, 0 to 1"),
    ("color_clipped", pa.float32(), "share of pixels whose colour sRGB does not hold, 0 to 1"),
    ("color_skin", pa.float32(), "share with a colour of skin of the face that has least of it"),
    ("render_factor", pa.int16(), "how finely colour was drawn: 16 pixels of a square's side each"),
    # how
    ("seconds_read", pa.float32(), "fetching, hashing, decoding"),
    ("seconds_look", pa.float32(), "photograph area, tone, faces"),
    ("seconds_damage", pa.float32(), "damage stage"),
    ("seconds_faces", pa.float32(), "face stage"),
    ("seconds_color", pa.float32(), "color stage"),
    ("seconds_write", pa.float32(), "composing, encoding, storing, reading back"),
    ("device", pa.string(), "cpu or cuda, as the damage stage ran"),
    ("damage_tile", pa.int32(), "pixels of the damage networks' tiles; null unless halved"),
    ("software", pa.string(), "albumen and its version"),
)

SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, kind, metadata={"description": text}) for name, kind, text in COLUMNS]
)
