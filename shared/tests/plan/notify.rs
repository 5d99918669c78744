//! Who is told what becomes of a sweep.

use sweep_shared::notices::{Notify, Occasion};

use super::errors::{TRAIN, check};
use super::golden::STUDY;
use super::jobs_of;

#[test]
fn who_is_told_is_read_and_changes_no_key() {
    let plan = jobs_of(STUDY);
    assert_eq!(plan.notify.email, ["me@example.org"]);
    assert_eq!(plan.notify.sms, ["+15550100"]);
    assert_eq!(plan.notify.on, Some(vec![Occasion::Finished, Occasion::Failed]));
    let silent = jobs_of(&STUDY.lines().filter(|line| !line.starts_with("notify")).collect::<Vec<_>>().join("\n"));
    assert_eq!(silent.fingerprint(), plan.fingerprint());
    assert_eq!(silent.notify, Notify::default());
    let single = jobs_of(&STUDY.replace(
        "notify: { email: [me@example.org], sms: [\"+15550100\"], on: [finished, failed] }",
        "notify: { email: a@b.example, sms: [\"+1 555-0100\", 15550100@txt.example], webhook: lab, on: job_failed }",
    ));
    assert_eq!(
        (single.notify.email, single.notify.sms),
        (vec!["a@b.example".into()], vec!["+15550100".into(), "15550100@txt.example".into()])
    );
    assert_eq!((single.notify.webhook, single.notify.on), (vec!["lab".into()], Some(vec![Occasion::JobFailed])));
}

#[test]
fn who_is_told_is_checked_too() {
    let top = |field: &str| format!("{field}\n{TRAIN}");
    check(&top("notify: me@example.org"), 1, "notify", "expected a map of fields, found `me@example.org`", None);
    check(&top("notify: {}"), 1, "notify", "names nobody", None);
    check(&top("notify: { mail: me@example.org }"), 1, "notify.mail", "unknown field `mail`", Some("email"));
    check(
        &top("notify:\n  email: [a@b.example, me]"),
        2,
        "notify.email",
        "`me` is no address for mail: it has no @",
        None,
    );
    check(&top("notify: { email: [a@b.c, a@b.c] }"), 1, "notify.email", "listed twice", None);
    check(&top("notify: { email: [] }"), 1, "notify.email", "lists nobody", None);
    check(&top("notify: { sms: [+15550100] }"), 1, "notify.sms", "a phone number in quotes, found `+15550100`", None);
    check(&top("notify: { sms: [\"5550100\"] }"), 1, "notify.sms", "it must begin with +", None);
    check(&top("notify: { webhook: [https://x.example/h] }"), 1, "notify.webhook", "called by its name", None);
    check(&top("notify: { on: [finish] }"), 1, "notify.on", "unknown word `finish`", Some("finished"));
    check(&top("notify: { on: [finished, finished] }"), 1, "notify.on", "listed twice", None);
    check(&top("notify: { on: [agent_lost] }"), 1, "notify.on", "nothing that happens to a sweep", None);
    check(&top("notify: { on: [] }"), 1, "notify.on", "nobody would be told", None);
}
