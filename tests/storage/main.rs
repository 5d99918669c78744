//! Artifacts in a bucket of a real S3-compatible server on this machine (s3s-fs, by scripts/need-s3.sh), through a door that can be shut,
//! held, cut in the middle of a file, or made to answer 500 (`door`). The programs are driven as users drive them.

mod backups;
mod bucket;
mod door;
mod faults;
mod kept;
mod litestream;
mod moves;
mod server;
mod site;
