//! Cards that fail.

use crate::lab::{Lab, SECOND, SMALL, arrived, go, holding, stage};

#[test]
fn when_a_card_vanishes_under_a_job_it_goes_on_elsewhere() {
    let lab = Lab::open(&[SMALL, SECOND], "", 1);
    let pipes = ["here", "go"].map(|name| lab.pipe(name));
    let [here, leave] = &pipes;
    lab.submit(&stage("work", "2 GiB", &holding(2048, here, leave)));
    arrived(here);
    let lost = |index: usize| format!("lost {}", ["GPU-aaaa", "GPU-bbbb"][index]);
    let on = |lab: &Lab| usize::from(device_of(lab) == "cuda1");
    let first = on(&lab);
    lab.tell(&[SMALL, SECOND, &lost(first)]);
    // It was told to stop, and is begun again.
    arrived(here);
    assert_eq!(on(&lab), 1 - first, "{:#}", lab.explain("work"));
    let excluded = lab.until("it is in the audit log", || lab.events("device_excluded").pop());
    assert!(excluded.contains(&format!(", GPU {first}: it has fallen off the bus")), "{excluded}");
    // A second job has room for nothing but the lost card.
    lab.submit(&stage("other", "2 GiB", "true"));
    lab.explains("other", &[&format!("GPU {first} of "), "is not used until it is back: it has fallen off the bus"]);
    lab.tell(&[SMALL, SECOND]);
    lab.all_is_done();
    let back = lab.until("its return is in the audit log", || lab.events("device_back").pop());
    assert!(back.contains(&format!(", GPU {first}, after: ")), "{back}");
    go(leave);
}

/// Of the newest attempt.
fn device_of(lab: &Lab) -> String {
    let explained = lab.explain("work");
    let attempts = explained["job"]["attempts"].as_array().unwrap();
    attempts.last().unwrap()["device"].as_str().unwrap().to_owned()
}

/// A job that fails on the first card it is given, once that is `told` of it, and then goes well on another.
fn fails_once(lab: &Lab, tell: &str, told: impl FnOnce()) -> String {
    let pipes = ["here", "go"].map(|name| lab.pipe(name));
    let [here, leave] = &pipes;
    let once = lab.home.file("once");
    let script = format!("test -e {0} && exit 0; touch {0}; {1}; exit 1", once.display(), holding(2048, here, leave));
    lab.submit(&stage("work", "2 GiB", &script));
    arrived(here);
    let first = device_of(lab);
    let uuid = if first == "cuda0" { "GPU-aaaa" } else { "GPU-bbbb" };
    lab.tell(&[SMALL, SECOND, &tell.replace("UUID", uuid)]);
    told();
    go(leave);
    lab.all_is_done();
    let explained = lab.explain("work");
    let attempts = explained["job"]["attempts"].as_array().unwrap();
    assert_eq!(attempts[0]["failure_class"], "device_error", "{explained:#}");
    assert_ne!(attempts[1]["device"], first, "{explained:#}");
    first.replace("cuda", "GPU ")
}

#[test]
fn an_xid_error_excludes_the_card_and_the_job_fails_by_it() {
    let lab = Lab::open(&[SMALL, SECOND], "", 1);
    let excluded = || lab.until("it is in the audit log", || lab.events("device_excluded").pop());
    let gpu = fails_once(&lab, "xid UUID 79", || drop(excluded()));
    let message = lab.explain("work")["job"]["attempts"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(&format!("{gpu}: the driver reported Xid 79")), "{message}");
    let excluded = excluded();
    assert!(excluded.contains(&format!(", {gpu}: the driver reported Xid 79")), "{excluded}");
    lab.submit(&stage("large", "4 GiB", "true").replace("large", "after"));
    lab.all_is_done();
    let other = if gpu == "GPU 0" { "cuda1" } else { "cuda0" };
    let attempts = lab.explain("after")["job"]["attempts"].clone();
    assert_eq!(attempts[0]["device"], other, "{attempts:#}");
}

#[test]
fn a_memory_error_excludes_the_card() {
    let lab = Lab::open(&[SMALL, SECOND, "ecc GPU-aaaa 2"], "", 1);
    let gpu = fails_once(&lab, "ecc UUID 5", || ());
    let excluded = lab.until("it is in the audit log", || lab.events("device_excluded").pop());
    assert!(excluded.contains(&format!(", {gpu}: ")) && excluded.ends_with("(ECC)"), "{excluded}");
}

#[test]
fn a_programs_own_error_excludes_nothing() {
    let lab = Lab::open(&[SMALL], "", 1);
    lab.tell(&[SMALL, "xid GPU-aaaa 31", "hidden GPU-aaaa 100"]);
    lab.until("the agent has looked since", || {
        let gpu = lab.gpus().remove(0);
        (gpu["memory_free_bytes"].as_u64() == Some(8092 << 20)).then_some(())
    });
    lab.submit(&stage("work", "2 GiB", "true"));
    lab.all_is_done();
    assert_eq!(lab.events("device_excluded"), [] as [String; 0]);
}

#[test]
fn a_driver_that_hangs_takes_nothing_but_its_cards() {
    let lab = Lab::open(&[SMALL], "", 1);
    lab.tell(&[SMALL, "hang"]);
    lab.submit(&format!(
        "{}  here:\n    command: {{ run: [/bin/true] }}\n    device: cpu\n",
        stage("work", "2 GiB", "true")
    ));
    lab.until_job("here", "succeeded");
    lab.explains("work", &["GPU 0 of ", "is not used until it answers again: NVML does not answer"]);
    assert_eq!(lab.agents()[0]["connected"], true);
    lab.tell(&[SMALL]);
    lab.all_is_done();
}
