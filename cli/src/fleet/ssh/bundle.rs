//! What is copied to hosts: this program, `sweep-runner` beside it, and the libraries that it takes along.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ring::digest;

use crate::exit::{Failure, Outcome};

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// In the release: `bin/sweep`, `lib/libtorch_cpu.so`.
    pub place: String,
    pub source: PathBuf,
    /// SHA-256, which hosts can check without anything of ours.
    pub hash: String,
    pub size: u64,
}

/// All that a host needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    pub parts: Vec<Part>,
    /// The newest glibc that the programs name, as in `GLIBC_2.34`: minor version.
    pub glibc: Option<u32>,
}

/// Of libtorch, which a host with a torch of its own does not need.
const TORCH: [&str; 4] = ["libtorch", "libc10", "libcu", "libgomp"];

impl Bundle {
    /// Reads every file once, so it takes a moment.
    pub fn of_this_program() -> Outcome<Self> {
        let program = std::env::current_exe()?;
        // The name under which it was started may be a link into a checkout.
        let program = program.canonicalize().unwrap_or(program);
        Self::of(&program)
    }

    fn of(program: &Path) -> Outcome<Self> {
        let mut files = vec![("bin/sweep".to_owned(), program.to_owned())];
        let runner = program.with_file_name("sweep-runner");
        if runner.is_file() {
            files.extend(libraries(&runner)?.into_iter().map(|(name, path)| (format!("lib/{name}"), path)));
            files.push(("bin/sweep-runner".to_owned(), runner.clone()));
            let onnx = onnx_runtime(&runner).ok_or_else(|| {
                Failure::usage(format!("there is no libonnxruntime.so beside {}", runner.display()))
                    .hint("`make setup` fetches it; SWEEP_ORT names another")
            })?;
            files.push(("lib/libonnxruntime.so".to_owned(), onnx));
        }
        let mut glibc = None;
        let mut parts = Vec::new();
        for (place, source) in files {
            // Libraries come as wheels do, for old systems; the programs were built here.
            let read = read(&source, place.starts_with("bin/"))
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", source.display())))?;
            glibc = glibc.max(read.glibc);
            parts.push(Part { place, source, hash: read.hash, size: read.size });
        }
        Ok(Self { parts, glibc })
    }

    /// Whether hosts can run more than `command` stages.
    pub fn has_runner(&self) -> bool {
        self.parts.iter().any(|part| part.place == "bin/sweep-runner")
    }

    /// The files for a host, which has a torch of its own or not.
    pub fn parts(&self, own_torch: bool) -> Vec<&Part> {
        let torch = |part: &Part| TORCH.iter().any(|name| part.place.starts_with(&format!("lib/{name}")));
        self.parts.iter().filter(|part| !own_torch || !torch(part)).collect()
    }
}

impl Part {
    /// As scripts read it: the hash, and what they need to know besides.
    pub fn line(&self, besides: impl std::fmt::Display) -> String {
        format!("{} {besides}\n", self.hash)
    }
}

/// A release is named by what is in it.
pub fn id(parts: &[&Part]) -> String {
    let mut text: Vec<String> = parts.iter().map(|part| part.line(&part.place)).collect();
    text.sort();
    short(text.concat().as_bytes())
}

/// 16 hexadecimal digits that change with the bytes.
pub fn short(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())[..16].to_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The libraries that the dynamic linker would load for it, but for the system's own.
fn libraries(runner: &Path) -> Outcome<Vec<(String, PathBuf)>> {
    let mut command = Command::new(runner);
    // What `ldd` does; the program itself does not begin.
    command.env("LD_TRACE_LOADED_OBJECTS", "1").stdin(Stdio::null());
    let output =
        command.output().map_err(|error| Failure::usage(format!("cannot start {}: {error}", runner.display())))?;
    let found = loaded(&String::from_utf8_lossy(&output.stdout));
    found.map_err(|missing| {
        Failure::usage(format!("{} lacks the library {missing}", runner.display()))
            .hint("`make setup` fetches libtorch; build again after it")
    })
}

/// From the linker's list: name and path of each that is not the system's. `Err`: one that was not found.
fn loaded(list: &str) -> Result<Vec<(String, PathBuf)>, String> {
    const SYSTEM: [&str; 4] = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"];
    let mut found = Vec::new();
    for line in list.lines() {
        let Some((name, path)) = line.trim().split_once(" => ") else { continue };
        if path.starts_with("not found") {
            return Err(name.to_owned());
        }
        let path = path.split(" (0x").next().unwrap_or(path);
        if !SYSTEM.iter().any(|folder| path.starts_with(folder)) {
            found.push((name.to_owned(), PathBuf::from(path)));
        }
    }
    Ok(found)
}

/// As the runner finds it: SWEEP_ORT, `../lib`, `.onnxruntime/lib` in a folder above.
fn onnx_runtime(runner: &Path) -> Option<PathBuf> {
    const FILE: &str = "libonnxruntime.so";
    if let Some(named) = std::env::var_os("SWEEP_ORT").map(PathBuf::from) {
        return Some(if named.is_dir() { named.join(FILE) } else { named });
    }
    let installed = runner.parent()?.parent()?.join("lib").join(FILE);
    let above = runner.ancestors().map(|folder| folder.join(".onnxruntime/lib").join(FILE));
    std::iter::once(installed).chain(above).find(|path| path.is_file())
}

struct ReadFile {
    hash: String,
    size: u64,
    glibc: Option<u32>,
}

fn read(path: &Path, is_program: bool) -> io::Result<ReadFile> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut hash, mut size, mut glibc) = (digest::Context::new(&digest::SHA256), 0, None);
    // The end of a piece stays before the next: a version may lie across.
    let (mut piece, mut kept) = (vec![0; (1 << 20) + OVERLAP], 0);
    loop {
        let read = file.read(&mut piece[kept..])?;
        if read == 0 {
            break;
        }
        hash.update(&piece[kept..kept + read]);
        size += read as u64;
        let all = kept + read;
        if is_program {
            glibc = glibc.max(newest_glibc(&piece[..all]));
        }
        kept = all.min(OVERLAP);
        piece.copy_within(all - kept..all, 0);
    }
    Ok(ReadFile { hash: hexadecimal(hash.finish().as_ref()), size, glibc })
}

const GLIBC: &[u8] = b"GLIBC_2.";
const OVERLAP: usize = 16;

/// The versions of symbols that a program takes stand in it as text.
fn newest_glibc(bytes: &[u8]) -> Option<u32> {
    let mut newest = None;
    let mut rest = bytes;
    while let Some(at) = rest.windows(GLIBC.len()).position(|window| window == GLIBC) {
        rest = &rest[at + GLIBC.len()..];
        let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        // A whole name ends in a zero.
        if digits > 0 && matches!(rest.get(digits), Some(0 | b'.')) {
            newest = newest.max(std::str::from_utf8(&rest[..digits]).ok().and_then(|text| text.parse().ok()));
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linkers_list_is_read() {
        let list = "\tlinux-vdso.so.1 (0x1)\n\tlibtorch_cpu.so => /x/y z/lib/libtorch_cpu.so (0x7f)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        let one = ("libtorch_cpu.so".to_owned(), PathBuf::from("/x/y z/lib/libtorch_cpu.so"));
        assert_eq!(loaded(list), Ok(vec![one]));
        assert_eq!(loaded("\tlibc10.so => not found\n"), Err("libc10.so".to_owned()));
    }

    #[test]
    fn this_very_program_is_read() {
        let program = std::env::current_exe().unwrap();
        let read = read(&program, true).unwrap();
        assert_eq!(read.size, program.metadata().unwrap().len());
        // Built for a glibc of this century, and not for one that nobody has seen.
        assert!((17..100).contains(&read.glibc.unwrap()), "{:?}", read.glibc);
        let output = Command::new("sha256sum").arg(&program).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&read.hash));
    }

    #[test]
    fn a_release_is_named_by_its_files() {
        let part =
            |place: &str, hash: &str| Part { place: place.into(), source: "x".into(), hash: hash.into(), size: 1 };
        let (a, b, c) = (part("bin/sweep", "1"), part("lib/libtorch_cpu.so", "2"), part("bin/sweep", "3"));
        assert_eq!(id(&[&a, &b]), id(&[&b, &a]));
        assert_ne!(id(&[&a]), id(&[&c]));
        let bundle = Bundle { parts: vec![a.clone(), b], glibc: None };
        assert_eq!((bundle.parts(true), bundle.parts(false).len()), (vec![&a], 2));
    }
}
