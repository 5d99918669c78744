//! Everything that is secret is planted, used, shown, mistyped and logged at the loudest; then it is looked for: in everything that
//! was printed, on every command line, and in every file but the one that it belongs to.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sweep_tests::{Home, Talking, http, text};

const PASSWORD: &str = "correct horse battery staple 7";

/// Tells what a job could tell: its environment (but for its own secret, which it might say if it liked), and how the programs around it
/// were called.
const TELLTALE: &str = r#"
env | grep -v '^JOBS_OWN='
for process in /proc/[0-9]*; do tr '\0' ' ' < "$process/cmdline" 2>/dev/null && echo; done
[ -n "$JOBS_OWN" ] || exit 1
"#;

/// Three machines in small: each has a home, all say everything that they can say.
struct Place {
    home: Home,
    /// Standard error of what was started there.
    errors: PathBuf,
}

impl Place {
    fn new() -> Self {
        let home = Home::new();
        let errors = home.file("errors");
        Self { home, errors }
    }

    fn sweep(&self, args: &[&str]) -> Command {
        let errors = fs::File::options().create(true).append(true).open(&self.errors).unwrap();
        let mut command = self.home.sweep();
        command.env("SWEEP_LOG", "trace").args(args).stderr(errors);
        command
    }

    /// Standard output of a command that must succeed.
    fn said(&self, args: &[&str], input: &str) -> String {
        let mut child = self.sweep(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", fs::read_to_string(&self.errors).unwrap());
        String::from_utf8(output.stdout).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.file("home").join(name)
    }

    /// A file of a secret, for its owner alone.
    fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

fn ended(process: Talking) -> String {
    process.signal("-TERM");
    process.finish().1
}

/// Something that must stay where it belongs.
struct Planted {
    what: &'static str,
    text: String,
    belongs: Vec<PathBuf>,
}

/// The middle part of a token, which is what proves something.
fn proof(token: &str) -> String {
    token.trim().split('_').nth(2).expect("kind, number, secret").to_owned()
}

/// A line from the middle of a key.
fn key_line(path: &Path) -> String {
    fs::read_to_string(path).unwrap().lines().nth(1).unwrap().to_owned()
}

/// A server of others that says no to everybody, and repeats what it was shown. Its address.
fn blabbing(secret: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let body = format!("this is wrong: {secret}\n");
    // It ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Who has gone away needs no answer.
            let _ = http::read(&stream).and_then(|_| http::answer(&stream, "401 Unauthorized", &body));
        }
    });
    address
}

/// Sets everything up by which the coordinator tells people, and answers the secrets that it takes.
fn notices(place: &Place) -> Vec<Planted> {
    let secret = |what: &str| format!("{what}-{}-0fN0body5", std::process::id());
    let [mail, sms, hook, path] = ["mail", "sms", "hook", "path"].map(secret);
    let [sms_server, hook_server, chat_server] = [&sms, &hook, &path].map(|secret| blabbing(secret));
    let files = [
        place.keep("mail-password", &mail),
        place.keep("sms-token", &sms),
        place.keep("hook-secret", &hook),
        place.keep("chat-url", &format!("http://{chat_server}/services/{path}\n")),
    ];
    let [mail_file, sms_file, hook_file, chat_file] = files.each_ref().map(|file| file.display());
    let settings = format!(
        "[notify]
to = {{ email = [\"me@example.org\"], sms = [\"+15550100\"], webhook = [\"lab\", \"chat\"] }}
smtp = {{ host = \"127.0.0.1\", port = 1, user = \"me\", password_file = \"{mail_file}\", from = \"me@example.org\" }}
sms = {{ url = \"http://{sms_server}/Messages.json\", account = \"AC0\", token_file = \"{sms_file}\", from = \"+15550199\" }}
hooks.lab = {{ url = \"http://{hook_server}/lab\", shape = \"json\", secret_file = \"{hook_file}\" }}
hooks.chat = {{ url_file = \"{chat_file}\", shape = \"slack\" }}
"
    );
    place.keep("home/sweep.toml", &settings);
    let what = ["the mail server's password", "the token for text messages", "a hook's secret", "a hook's address"];
    let secrets = what.into_iter().zip([mail, sms, hook, path]).zip(files);
    secrets.map(|((what, text), file)| Planted { what, text, belongs: vec![file] }).collect()
}

#[test]
fn no_secret_is_anywhere_but_where_it_belongs() {
    let (coordinator, machine, laptop) = (Place::new(), Place::new(), Place::new());
    let others = notices(&coordinator);
    let mut serving = Talking::start(&mut coordinator.sweep(&["serve", "--tls", "on", "--listen", "127.0.0.1:0"]));
    let line = serving.wait_for(|line| line.contains("https://"));
    let url = line.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
    let url = format!("https://127.0.0.1:{}", url.rsplit(':').next().unwrap());

    coordinator.said(&["users", "add", "ada", "--password"], &format!("{PASSWORD}\n"));
    let user = coordinator.said(&["tokens", "create", "--user", "ada"], "");
    let join = coordinator.said(&["agents", "invite"], "");

    let jobs_own = format!("sk-{}-of-the-job", std::process::id());
    let jobs_own_file = machine.keep("home/agent/secrets/JOBS_OWN", &format!("{jobs_own}\n"));
    let join_file = machine.keep("join-token", &join);
    let args = ["agent", "--coordinator", &url, "--join-token-file", join_file.to_str().unwrap()];
    let mut agent = machine.sweep(&args);
    // The agent's own token in the environment must not reach its jobs either.
    let agent = Talking::start(agent.env("SWEEP_TOKEN", user.trim()));

    laptop.said(&["login", &url], &user);
    fs::write(laptop.home.file("tell.sh"), TELLTALE).unwrap();
    let plan = laptop.home.plan(
        "stages:\n  tell: { command: { run: [sh, tell.sh], files: [tell.sh], protocol: exit, secrets: [JOBS_OWN] } }\n",
    );
    let mut said = laptop.said(&["submit", plan.to_str().unwrap()], "");
    let end = laptop.sweep(&["watch", "--plain"]).output().unwrap();
    assert!(end.status.success(), "{}\n{}", text(&end), fs::read_to_string(&machine.errors).unwrap());
    let logs = laptop.said(&["logs", "j1"], "");
    assert!(logs.contains("join-token"), "the log holds the agent's command line: {logs}");
    said += &logs;
    for args in [&["status", "--json"][..], &["events"], &["explain", "j1"], &["whoami"], &["config", "show"]] {
        said += &laptop.said(args, "");
    }
    for args in [&["tokens", "list", "--all", "--json"][..], &["users", "list"], &["agents"], &["events"]] {
        said += &coordinator.said(args, "");
    }
    // Nobody is reached, and all of them tell why at length.
    let tested = coordinator.sweep(&["notify", "test"]).output().unwrap();
    assert_eq!(tested.status.code(), Some(1), "{}", text(&tested));
    said += &text(&tested);
    assert!(said.contains("this is wrong"), "{said}");
    for args in [&["notify", "list"][..], &["notify", "list", "--json"], &["config", "show"]] {
        said += &coordinator.said(args, "");
    }
    // Wrong ones are secrets, too: mostly they are nearly right, or somebody else's.
    let nearly = format!("{}x", proof(&user));
    let mistyped = user.trim().replace(&proof(&user), &nearly);
    let mut wrong = laptop.sweep(&["status"]);
    wrong.env("SWEEP_TOKEN", &mistyped).env("SWEEP_COORDINATOR", &url);
    let output = wrong.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    said += &text(&output);

    said += &ended(agent);
    said += &ended(serving);
    for place in [&coordinator, &machine, &laptop] {
        said += &fs::read_to_string(&place.errors).unwrap();
    }
    for place in [&coordinator, &machine, &laptop] {
        let errors = fs::read_to_string(&place.errors).unwrap();
        assert!(errors.contains("TRACE") && errors.len() > 10_000, "everybody was loud: {errors}");
    }

    let home = fs::read_to_string(coordinator.file("token")).unwrap().trim().to_owned();
    let planted = [
        Planted { what: "the home's token", text: home, belongs: vec![coordinator.file("token")] },
        Planted { what: "a user's token", text: proof(&user), belongs: vec![laptop.file("login.json")] },
        Planted { what: "a mistyped token", text: nearly, belongs: vec![] },
        Planted { what: "a join token", text: proof(&join), belongs: vec![join_file] },
        Planted { what: "a password", text: PASSWORD.to_owned(), belongs: vec![] },
        Planted { what: "a job's secret", text: jobs_own, belongs: vec![jobs_own_file] },
        Planted {
            what: "the CA's key",
            text: key_line(&coordinator.file("tls/ca.key")),
            belongs: vec![coordinator.file("tls/ca.key")],
        },
        Planted {
            what: "the agent's key",
            text: key_line(&machine.file("agent/tls/key.pem")),
            belongs: vec![machine.file("agent/tls/key.pem")],
        },
    ];
    for Planted { what, text, belongs } in planted.iter().chain(&others) {
        let told: Vec<_> = said.lines().filter(|line| line.contains(text.as_str())).collect();
        assert!(told.is_empty(), "{what} was told: {told:#?}");
        for place in [&coordinator, &machine, &laptop] {
            for file in files_below(place.home.path()) {
                let bytes = fs::read(&file).unwrap();
                let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert_eq!(holds, belongs.contains(&file), "{what}, in {}", file.display());
                if holds {
                    let mode = fs::metadata(&file).unwrap().permissions().mode();
                    assert_eq!(mode & 0o077, 0, "{} is for its owner alone", file.display());
                }
            }
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            files.extend(files_below(&path));
        } else if kind.is_file() {
            files.push(path);
        }
    }
    files
}
