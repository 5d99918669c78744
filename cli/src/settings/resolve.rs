//! Which of flag, variable, file and default holds.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sweep_coordinator::Tls;
use sweep_shared::labels::{Label, Labels};

use super::file::SettingsFile;
use super::{DEFAULT_LISTEN, Origin, Setting, Settings, Span, Stay, artifacts, mistakes, notify};
use crate::exit::{Failure, Outcome};
use crate::output;

/// What the command line says. `None`: nothing.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub home: Option<PathBuf>,
    pub coordinator: Option<String>,
    pub token_file: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub tls: Option<Tls>,
    pub names: Vec<String>,
    pub join_token_file: Option<PathBuf>,
    pub lease: Option<Span>,
    pub reconnect_grace: Option<Span>,
    pub slots: Option<u32>,
    pub labels: Vec<Label>,
    pub leave_when_idle: Option<Stay>,
    pub scratch: Option<PathBuf>,
}

/// Reads the file, if there is one, and resolves everything.
pub fn read(flags: Flags) -> Outcome<Settings> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = home(&flags, &variable)?;
    let (path, named) = match variable("SWEEP_CONFIG") {
        Some(path) => (PathBuf::from(path), true),
        None => (home.value.join("sweep.toml"), false),
    };
    let file = match std::fs::read_to_string(&path) {
        Ok(text) => SettingsFile::parse(&text).map_err(|error| mistakes::of_file(&path, &error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => SettingsFile::default(),
        Err(error) => {
            let failure = Failure::usage(format!("cannot read the settings in {}: {error}", path.display()));
            return Err(if named {
                failure.hint("SWEEP_CONFIG names it; unset that to use sweep.toml in SWEEP_HOME")
            } else {
                failure
            });
        }
    };
    for mistake in mistakes::of_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
        output::note(&format!("warning: {mistake}"));
    }
    resolve(home, &flags, &variable, &path, file)
}

/// Looks a variable up.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn home(flags: &Flags, variable: Variables) -> Outcome<Setting<PathBuf>> {
    let setting = pick("--home", flags.home.clone(), "SWEEP_HOME", variable("SWEEP_HOME").map(PathBuf::from));
    let home = match setting {
        Some(home) => home,
        None => Setting { value: default_home(variable)?, origin: Origin::Default },
    };
    let value = std::path::absolute(&home.value)
        .map_err(|error| Failure::usage(format!("SWEEP_HOME {}: {error}", home.value.display())))?;
    Ok(Setting { value, ..home })
}

/// The XDG data folder's `sweep/`.
fn default_home(variable: Variables) -> Outcome<PathBuf> {
    // The XDG specification: a relative path is to be ignored.
    let data = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/share")));
    let data = data.ok_or_else(|| {
        Failure::usage("cannot tell where to keep things: neither SWEEP_HOME nor XDG_DATA_HOME nor HOME is set")
            .hint("name a folder: --home DIR")
    })?;
    Ok(data.join("sweep"))
}

fn resolve(
    home: Setting<PathBuf>,
    flags: &Flags,
    variable: Variables,
    path: &Path,
    mut file: SettingsFile,
) -> Outcome<Settings> {
    let kept_in = artifacts::read(&mut file, variable, path)?;
    let in_file = |value: Option<PathBuf>| value.map(|p| beside(path, &p));
    let optional_path = |flag, given: Option<PathBuf>, name: &'static str, value: Option<PathBuf>| {
        or_file(pick(flag, given, name, variable(name).map(PathBuf::from)), in_file(value), path)
    };
    let datasets = optional_path("", None, "SWEEP_DATASETS", file.datasets);
    let coordinator =
        pick("--coordinator", flags.coordinator.clone(), "SWEEP_COORDINATOR", text(variable, "SWEEP_COORDINATOR")?);
    let weights_url = pick("", None, "SWEEP_WEIGHTS_URL", text(variable, "SWEEP_WEIGHTS_URL")?);
    let listen = pick(
        "--listen",
        flags.listen,
        "SWEEP_LISTEN",
        parsed(variable, "SWEEP_LISTEN", "an address like 127.0.0.1:7433")?,
    );
    let slots = pick("--slots", flags.slots, "SWEEP_SLOTS", parsed(variable, "SWEEP_SLOTS", "a whole number")?);
    let listen_file = file.listen.map(|text| parse(&text, "listen", "an address like 127.0.0.1:7433")).transpose()?;
    let tls = pick("--tls", flags.tls, "SWEEP_TLS", parsed(variable, "SWEEP_TLS", A_TLS)?);
    let tls_file = file.tls.map(|text| parse(&text, "tls", A_TLS)).transpose()?;
    let given_names = (!flags.names.is_empty()).then(|| flags.names.clone());
    let listed =
        text(variable, "SWEEP_NAMES")?.map(|names| names.split(',').map(|name| name.trim().to_owned()).collect());
    let names = or_file(pick("--name", given_names, "SWEEP_NAMES", listed), file.names, path);
    let labels = labels(flags, variable, file.labels, path)?;
    let defaults = sweep_coordinator::Options::new(&home.value);
    let agents = sweep_worker::Options::new("", "", "");
    let span = |flag, given, name: &'static str, variable_name: &'static str, in_file: Option<String>, default| {
        let set = pick(flag, given, variable_name, parsed(variable, variable_name, A_SPAN)?);
        let in_file = in_file.map(|text| parse(&text, name, A_SPAN)).transpose()?;
        let default = Setting { value: Span(default), origin: Origin::Default };
        Outcome::Ok(or_file(set, in_file, path).unwrap_or(default))
    };
    let stay = |flag, given, name: &'static str, variable_name: &'static str, in_file: Option<String>, default| {
        let set = pick(flag, given, variable_name, parsed(variable, variable_name, A_STAY)?);
        let in_file = in_file.map(|text| parse(&text, name, A_STAY)).transpose()?;
        let default = Setting { value: Stay(default), origin: Origin::Default };
        Outcome::Ok(or_file(set, in_file, path).unwrap_or(default))
    };
    let kept = defaults.retention;
    let settings = Settings {
        artifacts: kept_in,
        keep_checkpoints: stay(
            "",
            None,
            "retention.checkpoints",
            "SWEEP_RETENTION_CHECKPOINTS",
            file.retention.checkpoints,
            kept.checkpoints,
        )?,
        keep_logs: stay("", None, "retention.logs", "SWEEP_RETENTION_LOGS", file.retention.logs, kept.logs)?,
        keep_points: stay("", None, "retention.points", "SWEEP_RETENTION_POINTS", file.retention.points, kept.points)?,
        page_idle: span("", None, "page.idle", "SWEEP_PAGE_IDLE", file.page.idle, defaults.web.idle)?,
        page_absolute: span(
            "",
            None,
            "page.absolute",
            "SWEEP_PAGE_ABSOLUTE",
            file.page.absolute,
            defaults.web.absolute,
        )?,
        lease: span("--lease", flags.lease, "lease", "SWEEP_LEASE", file.lease, defaults.lease)?,
        reconnect_grace: span(
            "--reconnect-grace",
            flags.reconnect_grace,
            "reconnect_grace",
            "SWEEP_RECONNECT_GRACE",
            file.reconnect_grace,
            defaults.reconnect_grace,
        )?,
        grace: span("", None, "grace", "SWEEP_GRACE", file.grace, agents.grace)?,
        patience: span("", None, "patience", "SWEEP_PATIENCE", file.patience, agents.patience)?,
        secrets: option(optional_path("", None, "SWEEP_SECRETS", file.secrets)),
        token_file: option(optional_path(
            "--token-file",
            flags.token_file.clone(),
            "SWEEP_TOKEN_FILE",
            file.token_file,
        )),
        coordinator: option(or_file(coordinator, file.coordinator, path)),
        listen: or_file(listen, listen_file, path).unwrap_or_else(|| Setting {
            value: DEFAULT_LISTEN.parse().expect("a valid address"),
            origin: Origin::Default,
        }),
        tls: or_file(tls, tls_file, path).unwrap_or(Setting { value: Tls::Auto, origin: Origin::Default }),
        names: names.unwrap_or(Setting { value: Vec::new(), origin: Origin::Default }),
        join_token_file: option(optional_path(
            "--join-token-file",
            flags.join_token_file.clone(),
            "SWEEP_JOIN_TOKEN_FILE",
            file.join_token_file,
        )),
        notify: notify::read(file.notify, path)?,
        slots: option(or_file(slots, file.slots, path)),
        labels,
        leave_when_idle: stay(
            "--leave-when-idle",
            flags.leave_when_idle,
            "leave_when_idle",
            "SWEEP_LEAVE_WHEN_IDLE",
            file.leave_when_idle,
            agents.leave_when_idle,
        )?,
        scratch: option(optional_path("--scratch", flags.scratch.clone(), "SWEEP_SCRATCH", file.scratch)),
        datasets: datasets.unwrap_or_else(|| Setting { value: home.value.join("datasets"), origin: Origin::Default }),
        weights_url: option(or_file(weights_url, file.weights_url, path)),
        runner: option(optional_path("", None, "SWEEP_RUNNER", file.runner)),
        home,
    };
    if settings.patience.value.0.is_zero() {
        return Err(Failure::usage(format!("patience is 0s ({}); it must be longer", settings.patience.origin))
            .hint("`hang_after: never` in a plan waits for ever"));
    }
    if settings.slots.value == Some(0) {
        return Err(Failure::usage(format!("slots is 0 ({}); it must be at least 1", settings.slots.origin)));
    }
    Ok(settings)
}

/// Flags, variable and file each name all labels: those of one are not added to another's.
fn labels(flags: &Flags, variable: Variables, in_file: Option<Vec<String>>, path: &Path) -> Outcome<Setting<Labels>> {
    let read = |texts: Vec<String>| -> Result<Vec<Label>, String> { texts.iter().map(|text| text.parse()).collect() };
    let listed = text(variable, "SWEEP_LABELS")?.map(|all| all.split(',').map(|one| one.trim().to_owned()).collect());
    let given = (!flags.labels.is_empty()).then(|| Ok(flags.labels.clone()));
    let set = pick("--label", given, "SWEEP_LABELS", listed.map(read));
    let Some(Setting { value, origin }) = or_file(set, in_file.map(read), path) else {
        return Ok(Setting { value: Labels::default(), origin: Origin::Default });
    };
    match value.and_then(Labels::collect) {
        Ok(value) => Ok(Setting { value, origin }),
        Err(why) => Err(Failure::usage(format!("labels ({origin}): {why}"))),
    }
}

const A_TLS: &str = "one of auto, on, off";
const A_SPAN: &str = "a duration like 90s or 2m";
const A_STAY: &str = "a duration like 12h or 30d, or never";

/// The flag if it was given, else the variable.
pub(super) fn pick<T>(
    flag: &'static str,
    given: Option<T>,
    name: &'static str,
    variable: Option<T>,
) -> Option<Setting<T>> {
    let flag = given.map(|value| Setting { value, origin: Origin::Flag(flag) });
    flag.or_else(|| variable.map(|value| Setting { value, origin: Origin::Variable(name) }))
}

pub(super) fn or_file<T>(setting: Option<Setting<T>>, value: Option<T>, path: &Path) -> Option<Setting<T>> {
    setting.or_else(|| value.map(|value| Setting { value, origin: Origin::File(path.to_owned()) }))
}

pub(super) fn option<T>(setting: Option<Setting<T>>) -> Setting<Option<T>> {
    match setting {
        Some(setting) => Setting { value: Some(setting.value), origin: setting.origin },
        None => Setting { value: None, origin: Origin::Default },
    }
}

/// Paths in the file are meant relative to it.
fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

pub(super) fn text(variable: Variables, name: &str) -> Outcome<Option<String>> {
    let Some(value) = variable(name) else { return Ok(None) };
    value
        .into_string()
        .map(Some)
        .map_err(|value| Failure::usage(format!("{name}: {} is not readable as text", value.display())))
}

pub(super) fn parsed<T: FromStr>(variable: Variables, name: &str, expected: &str) -> Outcome<Option<T>> {
    text(variable, name)?.map(|value| parse(&value, name, expected)).transpose()
}

fn parse<T: FromStr>(value: &str, name: &str, expected: &str) -> Outcome<T> {
    value.parse().map_err(|_| Failure::usage(format!("{name}: {value:?} is not {expected}")).hint(mistakes::HELP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn resolved(flags: Flags, variables: &[(&str, &str)], file: &str) -> Outcome<Settings> {
        let variables: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let lookup = move |name: &str| variables.iter().find(|(k, _)| k == name).map(|(_, v)| OsString::from(v));
        let home = home(&flags, &lookup)?;
        resolve(home, &flags, &lookup, Path::new("/etc/sweep.toml"), SettingsFile::parse(file).unwrap())
    }

    #[test]
    fn flags_go_before_variables_before_the_file_before_defaults() {
        let flag = || Flags { slots: Some(1), home: Some("/flag".into()), ..Flags::default() };
        let variables = [("SWEEP_SLOTS", "2"), ("SWEEP_HOME", "/variable")];
        let file = "slots = 3";

        let s = resolved(flag(), &variables, file).unwrap();
        assert_eq!(s.slots, Setting { value: Some(1), origin: Origin::Flag("--slots") });
        assert_eq!(s.home, Setting { value: "/flag".into(), origin: Origin::Flag("--home") });

        let s = resolved(Flags::default(), &variables, file).unwrap();
        assert_eq!(s.slots, Setting { value: Some(2), origin: Origin::Variable("SWEEP_SLOTS") });
        assert_eq!(s.home, Setting { value: "/variable".into(), origin: Origin::Variable("SWEEP_HOME") });

        let s = resolved(Flags::default(), &[("HOME", "/me")], file).unwrap();
        assert_eq!(s.slots, Setting { value: Some(3), origin: Origin::File("/etc/sweep.toml".into()) });
        assert_eq!(s.home, Setting { value: "/me/.local/share/sweep".into(), origin: Origin::Default });

        let s = resolved(Flags::default(), &[("HOME", "/me")], "").unwrap();
        assert_eq!(s.slots, Setting { value: None, origin: Origin::Default });
        assert_eq!(s.datasets.value, Path::new("/me/.local/share/sweep/datasets"));
        assert_eq!(s.listen.value.port(), 7433);
        assert_eq!((s.lease.value.to_string(), s.reconnect_grace.value.to_string()), ("1m".into(), "15s".into()));
        let s =
            resolved(Flags::default(), &[("HOME", "/me"), ("SWEEP_LEASE", "2m")], "reconnect_grace = '5s'").unwrap();
        assert_eq!((s.lease.value.to_string(), s.reconnect_grace.value.to_string()), ("2m".into(), "5s".into()));
    }

    #[test]
    fn what_is_kept_can_be_set_one_by_one() {
        let file = "retention = { checkpoints = '12h', points = 'never' }";
        let s = resolved(Flags::default(), &[("HOME", "/me"), ("SWEEP_RETENTION_LOGS", "never")], file).unwrap();
        let shown: Vec<_> = s.rows().into_iter().filter(|row| row.0.starts_with("retention")).collect();
        let values: Vec<_> = shown.iter().map(|(_, value, _)| value.as_deref().unwrap()).collect();
        assert_eq!(values, ["12h", "never", "never"]);
        assert_eq!(s.retention().checkpoints, Some(std::time::Duration::from_hours(12)));
        let s = resolved(Flags::default(), &[("HOME", "/me")], "").unwrap();
        assert_eq!(s.retention(), sweep_coordinator::Retention::default());
    }

    #[test]
    fn sessions_on_the_page_last_as_long_as_is_said() {
        let s = resolved(Flags::default(), &[("HOME", "/me"), ("SWEEP_PAGE_ABSOLUTE", "1d")], "page = { idle = '1h' }");
        let s = s.unwrap();
        assert_eq!((s.page_idle.value.to_string(), s.page_absolute.value.to_string()), ("1h".into(), "1d".into()));
    }

    #[test]
    fn every_setting_is_described_in_the_order_in_which_it_is_shown() {
        let shown: Vec<_> =
            resolved(Flags::default(), &[("HOME", "/me")], "").unwrap().rows().iter().map(|row| row.0).collect();
        let described: Vec<_> = crate::settings::catalogue::all().map(|setting| setting.name).collect();
        assert_eq!(shown, described, "settings/catalogue.rs describes what settings/mod.rs shows");
    }

    #[test]
    fn the_home_follows_xdg() {
        let s = resolved(Flags::default(), &[("HOME", "/me"), ("XDG_DATA_HOME", "/data")], "").unwrap();
        assert_eq!(s.home.value, Path::new("/data/sweep"));
        let s = resolved(Flags::default(), &[("HOME", "/me"), ("XDG_DATA_HOME", "relative")], "").unwrap();
        assert_eq!(s.home.value, Path::new("/me/.local/share/sweep"));
        assert_eq!(resolved(Flags::default(), &[], "").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn paths_in_the_file_are_relative_to_it() {
        let s = resolved(Flags::default(), &[("HOME", "/me")], "token_file = 'secret/token'").unwrap();
        assert_eq!(s.token_file.value.as_deref(), Some(Path::new("/etc/secret/token")));
    }

    #[test]
    fn impossible_values_are_usage_errors_that_name_the_setting() {
        let refused = resolved(Flags::default(), &[("HOME", "/me"), ("SWEEP_SLOTS", "many")], "").unwrap_err();
        assert_eq!((refused.exit, refused.text().contains("SWEEP_SLOTS")), (Exit::Usage, true));
        assert!(resolved(Flags::default(), &[("HOME", "/me")], "slots = 0").is_err());
        assert!(resolved(Flags::default(), &[("HOME", "/me")], "listen = 'here'").is_err());
        assert!(resolved(Flags::default(), &[("HOME", "/me")], "lease = 'long'").is_err());
        assert!(resolved(Flags::default(), &[("HOME", "/me")], "retention = { logs = 'long' }").is_err());
        assert!(resolved(Flags::default(), &[("HOME", "/me")], "patience = '0s'").is_err());
        let misspelt = SettingsFile::parse("slot = 2").unwrap_err().to_string();
        assert!(misspelt.contains("slots"), "{misspelt}");
    }
}
