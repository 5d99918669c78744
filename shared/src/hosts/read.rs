//! From the text to the hosts.

use super::settings::{self, Settings};
use super::{Fleet, Host, HostsErrors, names};
use crate::plan::fields::{Field, Fields};
use crate::plan::source::{Problems, Sort, Source};
use crate::plan::tree::Value;
use crate::plan::yaml;

/// Reads a file of hosts; `path` is for messages.
pub fn read(text: &str, path: &str) -> Result<Fleet, HostsErrors> {
    let source = Source::of(Sort::Hosts, path, text);
    let root = yaml::tree(&source)?;
    let problems = Problems::new(&source);
    let fleet = Fields::of(&problems, &root, "").map(|fields| document(&fields));
    problems.finish()?;
    Ok(fleet.expect("whatever is no map was noted"))
}

fn document(fields: &Fields<'_>) -> Fleet {
    let text = |name| fields.get(name).and_then(|field| field.text().map(str::to_owned));
    let (coordinator, ssh_config) = (text("coordinator"), text("ssh_config"));
    let mut defaults = Settings::default();
    if let Some(inner) = fields.get("defaults").and_then(|field| field.fields()) {
        defaults = settings::read(&inner, &Settings::default());
        inner.finish();
    }
    let mut hosts: Vec<Host> = Vec::new();
    let listed = fields.require("hosts", "for example `hosts: [desk-2, ada@lab-3]`").and_then(|field| {
        let items = field.list()?;
        if items.is_empty() {
            field.say("`hosts` lists nobody");
        }
        Some(items)
    });
    for item in listed.into_iter().flatten() {
        for host in entry(&item, &defaults) {
            if let Some(why) = clash(&hosts, &host) {
                item.say(why);
                break;
            }
            if hosts.len() == names::MOST {
                item.say(format!("there are more than {} hosts", names::MOST));
                break;
            }
            hosts.push(host);
        }
    }
    fields.finish();
    Fleet { coordinator, ssh_config, hosts }
}

/// A host, or a range of them; none where something is wrong with it.
fn entry(item: &Field<'_>, defaults: &Settings) -> Vec<Host> {
    let Value::Map(_) = item.node.value else {
        return destinations(item).into_iter().map(|destination| named(destination, None, defaults.clone())).collect();
    };
    let Some(fields) = item.fields() else { return Vec::new() };
    let destinations =
        fields.require("host", "as `ssh` takes it: `host: ada@lab-3`").map(|field| self::destinations(&field));
    let name = fields.get("name").and_then(|field| {
        let text = field.text()?;
        if destinations.as_ref().is_some_and(|all| all.len() > 1) {
            field.say("a range makes several hosts, which cannot all have one name");
        }
        Some(text.to_owned())
    });
    let settings = settings::read(&fields, defaults);
    fields.finish();
    let all = destinations.unwrap_or_default();
    all.into_iter().map(|destination| named(destination, name.clone(), settings.clone())).collect()
}

fn destinations(field: &Field<'_>) -> Vec<String> {
    let Some(text) = field.text() else { return Vec::new() };
    let expanded = names::expand(text).and_then(|all| match names::wrong_destination(&all[0]) {
        Some(why) => Err(why),
        None => Ok(all),
    });
    expanded.map_err(|why| field.say(why)).unwrap_or_default()
}

fn named(destination: String, name: Option<String>, settings: Settings) -> Host {
    let name = name.unwrap_or_else(|| names::bare(&destination).to_owned());
    Host { name, destination, settings }
}

/// Why this host cannot stand beside those before it.
fn clash(before: &[Host], host: &Host) -> Option<String> {
    let place = |host: &Host| (host.destination.clone(), host.settings.port, host.settings.home.clone());
    if let Some(other) = before.iter().find(|other| place(other) == place(host)) {
        return Some(if other.name == host.name {
            format!("`{}` is listed twice", host.name)
        } else {
            format!("`{}` and `{}` are one folder of one host; give one of them another `home`", other.name, host.name)
        });
    }
    let same = before.iter().any(|other| other.name == host.name);
    same.then(|| format!("two hosts are called `{0}`; give one of them another `name`", host.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
coordinator: https://desk:7433
defaults: { slots: 2, labels: { room: b12 }, env: { OMP_NUM_THREADS: 4 } }
hosts:
  - desk-1
  - "gpu[01-02].lab"
  - { host: ada@lab-3, port: 2222, home: /data/sweep, slots: 1, labels: { owner: ada }, cpu: true, name: third }
"#;

    #[test]
    fn a_file_is_read_with_its_defaults() {
        let fleet = read(FILE, "hosts.yaml").unwrap();
        let names: Vec<&str> = fleet.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["desk-1", "gpu01.lab", "gpu02.lab", "third"]);
        assert_eq!(fleet.coordinator.as_deref(), Some("https://desk:7433"));
        let (first, third) = (&fleet.hosts[0], &fleet.hosts[3]);
        assert_eq!((first.settings.slots, first.settings.port, first.settings.cpu), (Some(2), None, false));
        assert_eq!(first.settings.env["OMP_NUM_THREADS"], "4");
        assert_eq!((third.destination.as_str(), third.settings.port), ("ada@lab-3", Some(2222)));
        assert_eq!((third.settings.slots, third.settings.home.as_deref()), (Some(1), Some("/data/sweep")));
        let labels: Vec<_> = third.settings.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(labels, ["owner=ada", "room=b12"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line_and_what_to_do() {
        let cases = [
            ("", "the file of hosts is empty"),
            ("- desk", "expected a map of `hosts`"),
            ("hosts: []", "`hosts` lists nobody"),
            ("host: [a]", "did you mean `hosts`?"),
            ("hosts: [a, a]", "h.yaml:1:12: `a` is listed twice"),
            ("hosts: [a, x@a]", "two hosts are called `a`; give one of them another `name`"),
            ("hosts: [a, { host: a, name: b }]", "`a` and `b` are one folder of one host"),
            ("hosts: [-oProxyCommand=id]", "`ssh` would take it for an option"),
            ("hosts:\n  - { host: a, slts: 2 }", "h.yaml:2:16: unknown field `slts`"),
            ("hosts: [{ host: a, slots: 0 }]", "a whole number from 1 to 1024"),
            ("hosts: [{ host: a, home: data }]", "`data` is no place on the host"),
            ("hosts: [{ host: a, labels: { \"a b\": c } }]", "`a b` cannot name a label"),
            ("hosts: [{ host: a, labels: { gpu: a100 } }]", "`gpu` cannot be set"),
            ("hosts: [{ host: a, env: { SWEEP_HOME: /x } }]", "is set by `sweep agents launch` itself"),
            ("hosts: [{ host: \"a[1-2]\", name: x }]", "cannot all have one name"),
            ("hosts: [gpu[01-20]]", "a range of hosts is put in quotes"),
            ("hosts: [{ slots: 1 }]", "`host` is missing"),
        ];
        for (text, told) in cases {
            let said = read(text, "h.yaml").expect_err(text).to_string();
            assert!(said.contains(told), "{text:?}: {said}");
        }
    }
}
