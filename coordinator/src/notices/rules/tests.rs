use super::*;

fn of_sweep(what: &str) -> Happened<'_> {
    Happened { what, of_sweep: true, of_job: false }
}

fn of_job(what: &str) -> Happened<'_> {
    Happened { what, of_sweep: true, of_job: true }
}

fn of_world(what: &str) -> Happened<'_> {
    Happened { what, of_sweep: false, of_job: false }
}

fn email(address: &str) -> Address {
    Address::Email(address.to_owned())
}

fn rules() -> Rules {
    Rules { email: vec!["lab@x.example".to_owned()], sms: vec!["+15550100".to_owned()], ..Rules::default() }
}

#[test]
fn what_the_audit_log_calls_alike_is_told_apart() {
    let occasion = |happened: Happened<'_>| happened.occasion();
    assert_eq!(occasion(of_sweep("cancelled")), Some(Occasion::Cancelled));
    assert_eq!(occasion(of_job("cancelled")), None);
    assert_eq!(occasion(of_sweep("paused")), Some(Occasion::Paused));
    assert_eq!((occasion(of_job("paused")), occasion(of_sweep("pause"))), (None, None));
    assert_eq!(occasion(of_job("failed")), Some(Occasion::JobFailed));
    assert_eq!((occasion(of_job("attempt_failed")), occasion(of_world("failed"))), (None, None));
    assert_eq!((occasion(of_world("agent_joined")), occasion(of_sweep("active"))), (None, None));
}

#[test]
fn every_occasion_is_reached_by_something() {
    let of = |happened: Happened<'_>| happened.occasion();
    let reached: BTreeSet<Occasion> = [
        of(of_sweep("finished")),
        of(of_sweep("finished_with_failures")),
        of(of_sweep("cancelled")),
        of(of_sweep("paused")),
        of(of_job("failed")),
        of(of_world("agent_lost")),
        of(of_world("agent_enrolled")),
        of(of_world("device_excluded")),
        of(of_world("disk_low")),
        of(of_world("signed_in_new_place")),
        of(of_world("back_after_crash")),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(reached, Occasion::ALL.into());
}

#[test]
fn nobody_is_told_unless_somebody_asked() {
    assert_eq!(decide(of_sweep("finished"), &Rules::default(), Some(&Notify::default())), None);
    assert_eq!(decide(of_sweep("cancelled"), &rules(), None), None, "whoever cancels it knows");
    let told = decide(of_sweep("finished"), &rules(), None).unwrap();
    assert_eq!((told.to.len(), told.closes, told.gather), (2, true, Duration::ZERO));
}

#[test]
fn a_telephone_rings_for_less() {
    let told = decide(of_job("failed"), &rules(), None).unwrap();
    assert_eq!(told.to, [email("lab@x.example")]);
    assert_eq!((told.closes, told.gather), (false, Duration::from_mins(2)));
}

#[test]
fn a_plan_names_others_and_says_on_what() {
    let plan = |notify: Notify| decide(of_sweep("finished_with_failures"), &rules(), Some(&notify)).map(|told| told.to);
    let ada = || vec!["ada@x.example".to_owned()];
    assert_eq!(plan(Notify { email: ada(), ..Notify::default() }), Some(vec![email("ada@x.example")]));
    let on = |occasion| Some(vec![occasion]);
    assert_eq!(plan(Notify { email: ada(), on: on(Occasion::Finished), ..Notify::default() }), None);
    let usual = plan(Notify { on: on(Occasion::Failed), ..Notify::default() }).unwrap();
    assert_eq!(usual, [email("lab@x.example"), Address::Sms("+15550100".to_owned())]);
    let wanted = Notify { on: on(Occasion::JobFailed), ..Notify::default() };
    let told = decide(of_job("failed"), &rules(), Some(&wanted)).unwrap().to;
    assert!(told.contains(&Address::Sms("+15550100".to_owned())), "the plan's word holds for each channel");
}

#[test]
fn plans_name_only_whom_the_settings_allow() {
    let plan =
        Notify { email: vec!["ada@X.example".to_owned()], sms: vec!["+15550199".to_owned()], ..Notify::default() };
    let allow = |patterns: &[&str]| Rules { allow: patterns.iter().map(|p| (*p).to_owned()).collect(), ..rules() };
    assert_eq!(rules().forbidden(&plan), None, "nothing is said about it");
    assert_eq!(allow(&["*@x.example", "+1555*"]).forbidden(&plan), None);
    assert_eq!(allow(&["*@x.example"]).forbidden(&plan), Some("+15550199"));
    assert_eq!(allow(&["+*"]).forbidden(&plan), Some("ada@X.example"));
    let usual = Notify { email: vec!["lab@x.example".to_owned()], ..Notify::default() };
    assert_eq!(allow(&["nobody"]).forbidden(&usual), None, "the settings' own are allowed");
}

#[test]
fn patterns_match_as_a_whole() {
    for (pattern, text, does) in [
        ("a@b.c", "a@b.c", true),
        ("a@b.c", "a@b.cd", false),
        ("*@b.c", "x@b.c", true),
        ("*@b.c", "x@b.c.evil", false),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("ab*ba", "aba", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, text), does, "{pattern} {text}");
    }
}
