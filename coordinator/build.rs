//! A new migration must be noticed: they are embedded in the binary.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
