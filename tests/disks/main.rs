//! Disks that fail under the built binaries: read-only file systems, errors, quotas, and a database that somebody else has locked.
//! (A disk that is full is `tests/full_disk.rs`; damaged files are `tests/chaos/damage.rs`.)
//!
//! A kernel does not let go of a file system for writing while files on it are open for that, other than by a failing disk. So the
//! programs are run with a library that makes their writes below one folder fail as that would (`faults.c`), while a file says so.

mod agent;
mod coordinator;
mod faults;
mod locked;
mod site;
