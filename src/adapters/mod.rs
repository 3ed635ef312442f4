//! The outside world: HTTP, files, the database, the command line.
