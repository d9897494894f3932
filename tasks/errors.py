"""The named exceptions of Albumen: each message says what was wrong, where, and what to do."""


class AlbumenError(Exception):
    """Base of every foreseeable error. Its message is shown to the user as it stands."""


class UsageError(AlbumenError):
    """The request makes no sense: an option, a path or a list that cannot be obeyed."""


class StorageError(AlbumenError):
    """A storage location is missing, unreachable, or refuses access."""


class LeaseHeld(AlbumenError):
    """Another run is working on the same destination."""


class LeaseLost(AlbumenError):
    """This run's lease was taken over while it was running: it must stop writing."""


class LeaseNotRenewed(LeaseLost):
    """This run's lease could not be renewed, since the storage failed for too long."""


class ManifestError(AlbumenError):
    """The manifest of a destination cannot be read or does not fit this version."""


class ClusterError(AlbumenError):
    """Ray cannot be started or joined, or a lane does not fit on the cluster."""


class ServerError(AlbumenError):
    """The server that keeps the record of runs cannot be started or reached."""


class TooManyFailed(AlbumenError):
    """More scans failed than the user allows."""


class PartitionsFailed(AlbumenError):
    """Partitions failed for good: their scans have no row and are done by the next run."""


class ScanError(AlbumenError):
    """One scan cannot be processed. The name of the class becomes `error_class` of its row.

    `transient` errors are tried again by the next run; others only when the file changes
    or with `--retry-failed`.
    """

    transient = False


class SourceUnreadable(ScanError):
    """The bytes of the scan could not be fetched (permissions, network, vanished)."""

    transient = True


class SourceChanged(ScanError):
    """The scan changed while it was being read."""

    transient = True


class DerivativeUnwritable(ScanError):
    """The derivative could not be written (disk full, permissions, network)."""

    transient = True


class NoTemporarySpace(ScanError):
    """The node that worked on the scan has no room left for temporary files."""

    transient = True


class StepTimedOut(ScanError):
    """A step took longer than allowed and was stopped."""


class WorkerDied(ScanError):
    """The process that held this scan died twice while it held nothing else."""


class StageFailed(ScanError):
    """A stage raised an error on this scan."""


class NotAnImage(ScanError):
    """The content is not an image of a format Albumen reads, whatever its name says."""


class CorruptImage(ScanError):
    """The file is truncated or damaged and cannot be decoded completely."""


class UnsupportedImage(ScanError):
    """A sound image of a kind Albumen does not process (float samples, 5 channels, ...)."""


class TooLarge(ScanError):
    """The decoded scan exceeds the pixel limit or the memory of a lane."""


class OutsideSource(ScanError):
    """A symbolic link leads out of the source, or nowhere."""
