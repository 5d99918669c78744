//! A disk that is really full: a small tmpfs as `SWEEP_HOME`, filled to the brim in the middle of a plan.
//!
//! Mounting takes root. Each test says whether it ran or was skipped; where CI runs as root a skip is a failure.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sweep_tests::{Home, Talking, binary, epoch, text};

const SMALL: &str = "32m";
const LARGE: &str = "256m";

/// The home on a disk of its own, which goes when the test ends.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// `None`, and why on standard error, where nothing can be mounted.
    fn under(home: &Home, test: &str) -> Option<Self> {
        Self::at(home.file("home"), test)
    }

    fn at(folder: PathBuf, test: &str) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let size = format!("size={SMALL}");
        let mounted = run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", folder.to_str().unwrap()]);
        match mounted {
            Ok(()) => {
                eprintln!("{test}: ran");
                Some(Self { folder })
            }
            Err(why) => {
                let root = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
                let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
                assert!(!(root && ci), "{test}: CI as root must be able to mount a tmpfs: {why}");
                eprintln!("{test}: skipped: {why}");
                None
            }
        }
    }

    fn grow(&self) {
        let size = format!("remount,size={LARGE}");
        run("mount", &["-o", &size, self.folder.to_str().unwrap()]).unwrap();
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.folder.join("ballast")).unwrap();
        let mut chunk = vec![0; 1 << 20];
        while !chunk.is_empty() {
            if ballast.write_all(&chunk).is_err() {
                chunk.truncate(chunk.len() / 2);
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process of a test that failed may still be there.
        if let Err(why) = run("umount", &["-l", self.folder.to_str().unwrap()]) {
            eprintln!("{} stays mounted: {why}", self.folder.display());
        }
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// A plan whose job `fill` takes all space as soon as it is told to go, and keeps taking it until it is released, while `base`
/// is being trained. What a command did is marked outside of the small disk.
struct Story {
    home: Home,
    disk: SmallDisk,
    plan: PathBuf,
}

impl Story {
    fn begin(test: &str) -> Option<Self> {
        let home = Home::new();
        let disk = SmallDisk::under(&home, test)?;
        let (marks, go, release) = (home.file("marks"), home.file("go"), home.file("release"));
        run("mkfifo", &[go.to_str().unwrap()]).unwrap();
        let plan = home.plan(&plan(&marks, &go, &release, &disk.folder.join("ballast")));
        Some(Self { home, disk, plan })
    }

    /// `sweep local`, with all that it says in one stream.
    fn local(&self) -> Talking {
        let both = "exec \"$0\" \"$@\" 2>&1";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", both]).arg(binary("sweep")).arg("local").arg(&self.plan).args(["--slots", "2"]);
        command.env("SWEEP_HOME", &self.disk.folder).env_remove("SWEEP_COORDINATOR");
        Talking::start(&mut command)
    }

    /// Lets `fill` go once there is a checkpoint, and waits until the user is told.
    ///
    /// What little the running jobs have to tell may find room in the log that the database writes over again. So something is
    /// asked for that takes more than that; it is refused, and nothing of it remains.
    fn until_full(&self, sweep: &mut Talking) {
        sweep.wait_for(|line| epoch(line) >= Some(3));
        fs::write(self.home.file("go"), "go\n").unwrap();
        self.disk.fill();
        let numbers = (0..10_000).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
        let large = format!(
            "name: large\nmeasure: false\nstages:\n  a:\n    command: {{ run: [/bin/true] }}\n    matrix: {{ i: [{numbers}] }}\n"
        );
        fs::write(self.home.file("large.yaml"), large).unwrap();
        let refused = self.home.run(&["submit", self.home.file("large.yaml").to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
        let told = sweep.wait_for(|line| line.contains("nothing can be recorded"));
        for words in ["the disk is full", "bytes free", self.disk.folder.to_str().unwrap(), "Free some space"] {
            assert!(told.contains(words), "{words:?} is missing in: {told}");
        }
    }

    /// There is space again, and `fill` stops taking it.
    fn relieve(&self) {
        fs::write(self.home.file("release"), "").unwrap();
        self.disk.grow();
    }

    fn all_is_done_once(&self) {
        let wanted = ["after", "before-1", "before-2", "fill"];
        let marks = fs::read_to_string(self.home.file("marks")).unwrap();
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        marks.lines().for_each(|line| *counts.entry(line).or_default() += 1);
        assert_eq!(counts, wanted.into_iter().map(|mark| (mark, 1)).collect());
        let status = self.home.json(&["status"]);
        assert_eq!(status["counts"], serde_json::json!({ "succeeded": 5 }), "{status:#}");
        let jobs = status["jobs"].as_array().unwrap();
        let base = jobs.iter().find(|job| job["stage"] == "base").unwrap();
        assert!(base["attempt"] == 1 || base["resumed_from"].as_u64() >= Some(1), "it began anew: {base:#}");
        no_upload_is_left_over(&self.home.file("home"), &status);
    }
}

fn plan(marks: &Path, go: &Path, release: &Path, ballast: &Path) -> String {
    format!(
        "name: full
data: {{ name: synthetic, train: 1500, validation: 200, test: 300 }}
measure: false
stages:
  before:
    command: {{ run: [/bin/sh, -c, 'echo before-${{i}} >> {marks}'] }}
    matrix: {{ i: [1, 2] }}
  fill:
    command:
      run:
        - /bin/sh
        - -c
        - |
          test -e {release} || read go < {go}
          while ! test -e {release}; do
            cat /dev/zero >> {ballast} 2> /dev/null
            sleep 0.02
          done
          rm -f {ballast}
          echo fill >> {marks}
  base:
    train: {{ model: small-cnn, epochs: 8, batch: 64 }}
  after:
    command: {{ run: [/bin/sh, -c, 'echo after >> {marks}'], input: base }}
",
        marks = marks.display(),
        go = go.display(),
        release = release.display(),
        ballast = ballast.display(),
    )
}

fn no_upload_is_left_over(home: &Path, status: &Value) {
    let left: Vec<_> = fs::read_dir(home.join("artifacts/.incoming")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?} are left of uploads: {status:#}");
}

#[test]
fn the_work_goes_on_by_itself_once_there_is_space() {
    let Some(story) = Story::begin("the_work_goes_on_by_itself_once_there_is_space") else { return };
    let mut sweep = story.local();
    story.until_full(&mut sweep);
    story.relieve();
    let (status, said) = sweep.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    story.all_is_done_once();
    assert_eq!(errors(&said), reliefs(&said), "{said}");
}

/// Coordinator and agent on disks of their own, of which the agent's is the small one.
#[test]
fn an_agent_whose_own_disk_is_full_begins_nothing_and_goes_on_once_there_is_space() {
    let test = "an_agent_whose_own_disk_is_full_begins_nothing_and_goes_on_once_there_is_space";
    let home = Home::new();
    let Some(disk) = SmallDisk::at(home.file("agent"), test) else { return };
    let (marks, go, release) = (home.file("marks"), home.file("go"), home.file("release"));
    run("mkfifo", &[go.to_str().unwrap()]).unwrap();
    let plan = home.plan(&plan(&marks, &go, &release, &disk.folder.join("ballast")));
    let mut coordinator = Talking::start(home.sweep().args(["serve", "--listen", "127.0.0.1:0"]));
    let address = coordinator.wait_for(|line| line.contains("http://127.0.0.1:"));
    let address = address.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
    let mut agent = Command::new("/bin/sh");
    agent.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(binary("sweep")).args(["agent", "--slots", "2", "--home"]);
    agent.arg(&disk.folder).args(["--coordinator", &address, "--token-file"]).arg(home.file("home/token"));
    let mut agent = Talking::start(agent.env_remove("SWEEP_COORDINATOR"));
    let mut user = Talking::start(home.sweep().args(["submit", plan.to_str().unwrap(), "--watch"]));
    user.wait_for(|line| epoch(line) >= Some(3));
    fs::write(&go, "go\n").unwrap();
    let told = agent.wait_for(|line| line.contains("this agent's disk"));
    assert!(told.contains(disk.folder.to_str().unwrap()) && told.contains("begins no more jobs"), "{told}");
    // The coordinator has room: users change what they like.
    let changed = home.run(&["priority", "s1", "3"]);
    assert!(changed.status.success() && !text(&changed).contains("read-only"), "{}", text(&changed));
    fs::write(&release, "").unwrap();
    disk.grow();
    agent.wait_for(|line| line.contains("this agent takes jobs"));
    let (status, said) = user.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    for process in [agent, coordinator] {
        process.signal("-TERM");
        process.finish();
    }
    Story { home, disk, plan }.all_is_done_once();
}

/// Told when it begins, and then not before it was over, however often it is tried in between.
fn errors(said: &str) -> usize {
    let errors = said.lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors, said.matches("nothing can be recorded").count(), "{said}");
    errors
}

fn reliefs(said: &str) -> usize {
    said.lines().filter(|line| line.contains("there is space again") && line.ends_with("the work goes on")).count()
}

#[test]
fn ctrl_c_ends_it_with_130_and_the_same_command_finishes_it() {
    let Some(story) = Story::begin("ctrl_c_ends_it_with_130_and_the_same_command_finishes_it") else { return };
    let mut sweep = story.local();
    story.until_full(&mut sweep);
    sweep.signal("-INT");
    let (status, said) = sweep.finish();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(errors(&said) <= reliefs(&said) + 1, "{said}");
    story.relieve();
    let (status, said) = story.local().finish();
    assert_eq!(status.code(), Some(0), "{said}");
    story.all_is_done_once();
}

#[test]
fn a_home_that_cannot_be_made_is_5_and_says_why() {
    let home = Home::new();
    let Some(disk) = SmallDisk::under(&home, "a_home_that_cannot_be_made_is_5_and_says_why") else { return };
    disk.fill();
    let plan = home.plan("name: a\nmeasure: false\nstages:\n  a:\n    command: { run: [/bin/true] }\n");
    let output = home.run(&["local", plan.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("the disk is full") && said.contains("--home"), "{said}");
    fs::remove_file(disk.folder.join("ballast")).unwrap();
    let output = home.run(&["local", plan.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
