"""Ray: sessions, declared resources, lanes of actors, and the task that runs a partition."""
