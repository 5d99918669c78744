//! Who may come in, over TLS: users, tokens and logins, agents that join and are thrown out; each command a process of its own.

mod support;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use nix::sys::signal::Signal;
use support::{Ended, Home, Talking, ended, serve};

/// A coordinator that speaks TLS on loopback, and its URL.
fn serve_tls(home: &Home) -> (Talking, String) {
    let mut coordinator = Talking::start(home.sweep(&["serve", "--listen", "127.0.0.1:0", "--tls", "on"]));
    let line = coordinator.wait_for("serves https://127.0.0.1:");
    let url = line.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
    (coordinator, url)
}

/// A new user's token, whole.
fn token_of(desk: &Home, user: &str) -> String {
    desk.wants(0, &["users", "add", user]);
    let made = desk.wants(0, &["tokens", "create", "--user", user]);
    let token = made.stdout.trim().to_owned();
    assert!(token.starts_with("swu_") && !made.stderr.contains(&token), "{}", made.text());
    token
}

/// What nobody may read of a token.
fn secret(token: &str) -> &str {
    token.split('_').nth(2).expect("the secret part")
}

#[test]
fn a_user_logs_in_and_commands_mean_that_coordinator_until_she_logs_out() {
    let (desk, laptop) = (Home::new(), Home::new());
    let (_coordinator, url) = serve_tls(&desk);
    let token = token_of(&desk, "ada");
    let file = laptop.write("token", &format!("{token}\n"));
    let file = file.to_str().unwrap();

    let logged_in = laptop.wants(0, &["login", &url, "--token-file", file]);
    assert!(logged_in.stdout.contains(&format!("logged in at {url} as ada (user), until ")), "{}", logged_in.text());
    let kept = laptop.path().join("login.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let who = laptop.json(&["whoami"]);
    assert_eq!(
        (who["name"].as_str(), who["role"].as_str(), who["coordinator"].as_str()),
        (Some("ada"), Some("user"), Some(url.as_str()))
    );
    let refused = laptop.wants(3, &["agents", "invite"]);
    assert!(refused.stderr.contains("only administrators"), "{}", refused.text());

    // A coordinator on her own home does not come between; what is named does.
    let (_own, own_url) = serve(&laptop);
    assert_eq!(laptop.json(&["whoami"])["name"], "ada");
    assert_eq!(laptop.json(&["whoami", "--coordinator", &own_url])["role"], "admin");
    let mut by_variable = laptop.sweep(&["whoami", "--json"]);
    let by_variable = ended(by_variable.env("SWEEP_COORDINATOR", &own_url).output().unwrap());
    assert!(by_variable.stdout.contains(&own_url), "{}", by_variable.text());

    let out = laptop.wants(0, &["logout"]);
    assert!(out.stdout.contains("sweep tokens revoke 1"), "{}", out.text());
    assert!(!kept.exists());
    assert_eq!(laptop.json(&["whoami"])["coordinator"], own_url);

    // Again, from standard input; and the token is revoked.
    let mut piped = laptop.sweep(&["login", &url]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let piped = ended(child.wait_with_output().unwrap());
    assert_eq!(piped.code, 0, "{}", piped.text());
    desk.wants(0, &["tokens", "revoke", "1"]);
    let revoked = laptop.wants(3, &["whoami"]);
    assert!(revoked.stderr.contains("revoked"), "{}", revoked.text());

    let all = |ended: &[&Ended]| ended.iter().map(|ended| ended.text()).collect::<String>();
    let said = all(&[&logged_in, &refused, &by_variable, &out, &piped, &revoked]);
    assert!(!said.contains(secret(&token)), "a secret is shown: {said}");
}

#[test]
fn what_is_wrong_with_an_address_or_a_token_is_told_before_anything_is_sent() {
    let (desk, laptop) = (Home::new(), Home::new());
    let (_coordinator, url) = serve_tls(&desk);
    let token = token_of(&desk, "ada");
    let file = laptop.write("token", &token);
    let file = file.to_str().unwrap();
    let login = |code, url: &str| laptop.wants(code, &["login", url, "--token-file", file]).stderr;
    assert!(login(2, "http://10.0.0.1").contains("hint: say https://10.0.0.1:7433"));
    let plain = url.replace("https", "http");
    assert!(login(2, &plain).contains(&format!("hint: say {url}")));
    // Another coordinator at the address.
    let other = Home::new();
    let (_other, other_url) = serve_tls(&other);
    let told = login(3, &other_url);
    assert!(told.contains("is not the coordinator that was meant") && told.contains("fingerprint"), "{told}");
    assert!(!laptop.path().join("login.json").exists());
    // One without TLS.
    let plain = Home::new();
    let (_plain, plain_url) = serve(&plain);
    let told = login(3, &plain_url.replace("http", "https"));
    assert!(told.contains("speaks no TLS"), "{told}");
    // And TLS where none was expected.
    let mut guess = laptop.sweep(&["list", "--coordinator", &url.replace("https", "http")]);
    let guess = ended(guess.env("SWEEP_TOKEN", "0f".repeat(32)).output().unwrap());
    assert!(guess.code == 3 && guess.stderr.contains("speaks TLS, not http://"), "{}", guess.text());
}

#[test]
fn an_agent_joins_works_and_is_thrown_out_and_its_runners_never_see_the_token() {
    let (desk, lab) = (Home::new(), Home::new());
    let (_coordinator, url) = serve_tls(&desk);
    let invited = desk.wants(0, &["agents", "invite"]);
    let token = invited.stdout.trim().to_owned();
    assert!(invited.stderr.contains("sweep agent --coordinator https://"), "{}", invited.text());
    let mut agent = lab.sweep(&["agent", "--coordinator", &url]);
    agent.env("SWEEP_JOIN_TOKEN", &token);
    let agent = Talking::start(agent);

    // Named without TLS, it would find nothing to show.
    let mut plainly = lab.sweep(&["agent", "--coordinator", &url.replace("https", "http")]);
    let plainly = ended(plainly.env("SWEEP_JOIN_TOKEN", &token).output().unwrap());
    assert!(
        plainly.code == 2 && plainly.stderr.contains(&format!("name it --coordinator {url}")),
        "{}",
        plainly.text()
    );

    let environment = desk.file("environment");
    let plan = format!(
        "name: environment\nmeasure: false\nstages:\n  a: {{ command: {{ run: [/bin/sh, -c, 'env > {}'] }} }}\n",
        environment.display()
    );
    let plan = desk.write("plan.yaml", &plan);
    desk.wants(0, &["submit", plan.to_str().unwrap(), "--watch"]);
    let environment = fs::read_to_string(environment).unwrap();
    assert!(environment.contains("SWEEP_ATTEMPT") && !environment.contains(secret(&token)), "{environment}");

    let id = desk.json(&["agents", "certificates"])[0]["agent"].as_str().unwrap().to_owned();
    desk.wants(0, &["agents", "revoke", &id]);
    let out = agent.finish();
    assert_eq!(out.code, 3, "{}", out.text());
    assert!(
        out.stderr.contains("has been revoked") && out.stderr.contains("hint: ask for a new join token"),
        "{}",
        out.text()
    );
    assert!(!out.text().contains(secret(&token)));
    let again = lab.wants(3, &["agent"]);
    assert!(again.stderr.contains("has been revoked"), "{}", again.text());
}

#[test]
fn the_agent_on_the_coordinators_own_home_needs_no_token() {
    let desk = Home::new();
    let (_coordinator, _) = serve_tls(&desk);
    let plan = desk.write("plan.yaml", "name: own\nmeasure: false\nstages:\n  a: { command: { run: [/bin/true] } }\n");
    let agent = Talking::start(desk.sweep(&["agent"]));
    desk.wants(0, &["submit", plan.to_str().unwrap(), "--watch"]);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.finish().code, 0);
    // It has a certificate now, and asks for no other.
    let agent = Talking::start(desk.sweep(&["agent"]));
    desk.wants(0, &["submit", plan.to_str().unwrap(), "--no-reuse", "--watch"]);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.finish().code, 0);
    assert_eq!(desk.json(&["agents", "certificates"]).as_array().unwrap().len(), 1);
}
