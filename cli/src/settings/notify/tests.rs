use super::*;
use crate::exit::Exit;
use crate::settings::file::SettingsFile;

fn told(text: &str) -> Outcome<Notify> {
    let file = SettingsFile::parse(text).unwrap_or_else(|error| panic!("{error}"));
    read(file.notify, Path::new("/etc/sweep/sweep.toml"))
}

const ALL: &str = r#"
[notify]
page = "https://desk.example.org:7433"
to = { email = ["me@x.example"], sms = ["+1 555-0100", "15550100@txt.example"], webhook = ["lab"] }
on.sms = ["failed", "agent_lost"]
allow = ["*@x.example"]
disk_low = "20 GiB"
heartbeat = { url = "https://hc.example/ping/5f2a-secret", every = "1m" }
smtp = { host = "mail.x.example", user = "sweep", password_file = "smtp-password", from = "sweep <sweep@x.example>" }
sms = { url = "https://sms.x.example/M.json", account = "AC1", token_file = "/run/sms", from = "+15550199" }
[notify.hooks.lab]
url = "https://hooks.x.example/T0/B1/hook-secret"
shape = "slack"
"#;

#[test]
fn what_the_file_says_is_what_a_coordinator_is_told() {
    let notify = told(ALL).unwrap();
    let setup = notify.setup(true).unwrap();
    assert!(setup.delivers && setup.stands);
    assert_eq!(setup.disk_low_bytes, 20 << 30);
    let smtp = setup.settings.smtp.unwrap();
    assert_eq!((smtp.port, smtp.security), (587, notices::Security::StartTls));
    assert_eq!(smtp.password_file.unwrap(), Path::new("/etc/sweep/smtp-password"), "relative to the file");
    assert_eq!(setup.settings.sms.unwrap().token_file, Path::new("/run/sms"));
    assert_eq!(setup.rules.sms, ["+15550100", "15550100@txt.example"]);
    assert_eq!(setup.rules.on.sms, [Occasion::Failed, Occasion::AgentLost].into());
    assert_eq!(setup.rules.on.email, On::default().email);
    assert_eq!(setup.settings.heartbeat.unwrap().every, Duration::from_mins(1));
}

#[test]
fn nothing_that_may_be_a_secret_is_shown() {
    let shown: Vec<String> = told(ALL).unwrap().rows().into_iter().filter_map(|row| row.1).collect();
    let shown = shown.join("\n");
    assert!(!shown.contains("secret") && shown.contains("lab (slack, https://hooks.x.example/…)"), "{shown}");
    assert!(shown.contains("https://hc.example/…") && shown.contains("/etc/sweep/smtp-password"), "{shown}");
}

#[test]
fn a_mistake_is_told_with_its_setting_before_anything_starts() {
    let smtp = "smtp = { host = 'm', from = 's@x.example' }";
    for (text, setting, why) in [
        ("to.email = ['me']", "notify.to.email", "no address for mail"),
        ("to.email = ['me@x.example']", "notify.to.email", "there is no [notify.smtp]"),
        ("to.sms = ['5550100']", "notify.to.sms", "must begin with +"),
        ("to.sms = ['+15550100']", "notify.to.sms", "there is no [notify.sms]"),
        ("to.sms = ['1@txt.example']", "notify.to.sms", "which the gateway is reached by"),
        ("to.webhook = ['lab']", "notify.to.webhook", "there is no [notify.hooks.lab]"),
        ("on.email = ['finish']", "notify.on.email", "did you mean \"finished\""),
        ("disk_low = 'little'", "notify.disk_low", "little"),
        ("heartbeat = { url = 'hc.example' }", "notify.heartbeat.url", "https://"),
        ("heartbeat = { url = 'https://h', every = '1s' }", "notify.heartbeat.every", "10s"),
        ("hooks.lab = { shape = 'slack' }", "notify.hooks.lab", "one of `url` and `url_file`"),
        ("hooks.lab = { url = 'https://h', shape = 'slak' }", "notify.hooks.lab.shape", "slack"),
        ("hooks.lab = { url = 'https://h', shape = 'discord', secret_file = 's' }", "notify.hooks.lab", "url_file"),
        ("smtp = { host = 'm', from = 'nobody' }", "notify.smtp.from", "it has no @"),
        ("smtp = { host = 'm', from = 's@x.example', user = 'u' }", "notify.smtp", "go together"),
        ("smtp = { host = 'm', from = 's@x.example', security = 'ssl' }", "notify.smtp.security", "starttls, tls, off"),
    ] {
        let failure = told(&format!("[notify]\n{text}\n")).unwrap_err();
        assert!(failure.exit == Exit::Usage && failure.text().contains(setting), "{text}: {}", failure.text());
        assert!(failure.text().contains(why), "{text}: {}", failure.text());
    }
    assert!(told(&format!("[notify]\nto.email = ['me@x.example']\n{smtp}\n")).is_ok());
    let misspelt = SettingsFile::parse("[notify.smtp]\nhots = 'm'\n").unwrap_err().to_string();
    assert!(misspelt.contains("hots") && misspelt.contains("host"), "{misspelt}");
}

#[test]
fn an_address_that_is_a_secret_stays_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hook"), "https://hooks.x.example/T0/B1\n").unwrap();
    let text = "[notify.hooks.lab]\nurl_file = 'hook'\nshape = 'discord'\n";
    let file = SettingsFile::parse(text).unwrap();
    let notify = read(file.notify.clone(), &folder.path().join("sweep.toml")).unwrap();
    assert_eq!(notify.setup(false).unwrap().settings.hooks[0].url, "https://hooks.x.example/T0/B1");
    let elsewhere = read(file.notify, Path::new("/nowhere/sweep.toml")).unwrap().setup(false);
    assert!(elsewhere.is_err_and(|failure| failure.text().contains("notify.hooks.lab.url_file")));
}
