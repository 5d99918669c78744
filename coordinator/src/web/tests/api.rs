//! What programs read: who may, that answers are what the description says, and how refusals look.

use http::{Method, StatusCode};
use serde_json::Value;
use sweep_shared::ids::JobId;

use super::*;
use crate::access::{hash_of, new_secret};
use crate::store::access::{NewToken, RevokeToken, TokenKind};
use crate::store::testing::{hello, job, plan, reader};
use crate::store::{Grant, GrantRequest, Submit};

impl Site {
    /// A token of alice's, and its number.
    async fn token(&self, kind: TokenKind) -> (String, i64) {
        let secret = new_secret();
        let new = NewToken {
            kind,
            user: "alice".to_owned(),
            hash: hash_of(&secret),
            note: String::new(),
            lifetime_ms: 1 << 40,
            actor: "root".to_owned(),
        };
        let made = self.store.write(new).await.unwrap();
        self.access.reload().await.unwrap();
        let letter = if matches!(kind, TokenKind::Join { .. }) { 'j' } else { 'u' };
        (format!("sw{letter}_{}_{secret}", made.id), made.id)
    }

    async fn ask(&self, path: &str, bearer: Option<&str>) -> browser::Answer {
        let mut browser = self.browser();
        let mut request = browser.request(Method::GET, path);
        if let Some(bearer) = bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        browser.send(request.body(axum::body::Body::empty()).unwrap()).await
    }
}

/// A site with a sweep, one of whose jobs runs, and alice, whose viewer's token it answers with.
async fn stage() -> (Site, String) {
    let site = site().await;
    site.add("alice", Role::User).await;
    site.store.write(hello("lab-1", "spool", vec![])).await.unwrap();
    let jobs = vec![job("base"), reader("pruned", &[0])];
    site.store.write(Submit { actor: "alice".to_owned(), ..plan(jobs) }).await.unwrap();
    let request = GrantRequest {
        job: JobId(1),
        agent: "lab-1".to_owned(),
        device: sweep_shared::resources::DeviceClass::Cpu,
        device_index: 0,
        lease: 7,
    };
    site.store.write(Grant { requests: vec![request], steal: vec![] }).await.unwrap();
    let token = site.token(TokenKind::User(Role::Viewer)).await.0;
    (site, token)
}

fn programs() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.who == Who::Program)
}

fn path(route: &Route) -> String {
    route.path.replace("{sweep}", "s1").replace("{job}", "j1").replace("{agent}", "lab-1")
}

/// Where an answer is not as its schema says; a path to it, and what is wrong.
fn misfits(all: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = all.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is described nowhere"));
        return misfits(all, schema, value, at, found);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().for_each(|part| misfits(all, part, value, at, found));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &Value| {
            let mut wrong = Vec::new();
            misfits(all, choice, value, at, &mut wrong);
            wrong.is_empty()
        };
        if !choices.iter().any(fits) {
            found.push(format!("{at}: {value} is none of {choices:?}"));
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number");
    if !kinds.is_empty() && !fits {
        found.push(format!("{at}: {kind} and not {kinds:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let of = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
        if of.is_object() {
            misfits(all, of, inner, &format!("{at}/{name}"), found);
        }
    }
    for (place, inner) in value.as_array().into_iter().flatten().enumerate() {
        misfits(all, &schema["items"], inner, &format!("{at}/{place}"), found);
    }
}

/// The names that a schema gives to the fields of an object.
fn named(all: &Value, schema: &Value, names: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return named(all, all.pointer(name.trim_start_matches('#')).unwrap(), names);
    }
    schema["allOf"].as_array().into_iter().flatten().for_each(|part| named(all, part, names));
    names.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
}

#[tokio::test]
async fn the_description_is_of_every_route_and_of_no_other_and_answers_are_as_it_says() {
    let (site, token) = stage().await;
    let all: Value = serde_json::from_str(&site.ask("/api/v1/openapi.json", Some(&token)).await.text).unwrap();
    let described: Vec<&str> = all["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut routes: Vec<&str> = programs().map(|route| route.path).filter(|path| path.starts_with("/api/")).collect();
    routes.retain(|path| *path != "/api/v1/openapi.json");
    routes.sort_unstable();
    assert_eq!(described, routes);
    for route in programs().filter(|route| routes.contains(&route.path)) {
        let answer = site.ask(&path(route), Some(&token)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}: {}", route.path, answer.text);
        assert_eq!(answer.header("content-type"), "application/json");
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        let schema = &all["paths"][route.path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{}", route.path);
        let mut found = Vec::new();
        misfits(&all, schema, &value, route.path, &mut found);
        assert!(found.is_empty(), "{found:#?}\n{value:#}");
        let mut names = Vec::new();
        named(&all, schema, &mut names);
        for name in value.as_object().unwrap().keys() {
            assert!(names.contains(name), "{}: {name} is not described", route.path);
        }
        for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = all["paths"][route.path]["get"]["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|one| one["name"] == name && one["in"] == "path"), "{}", route.path);
        }
    }
}

#[tokio::test]
async fn programs_read_the_same_that_pages_show() {
    let (site, token) = stage().await;
    let json = async |path: &str| -> Value { serde_json::from_str(&site.ask(path, Some(&token)).await.text).unwrap() };
    let sweeps = json("/api/v1/sweeps").await;
    assert_eq!((&sweeps["total"], &sweeps["items"][0]["id"]), (&1.into(), &"s1".into()));
    assert_eq!(sweeps["items"][0]["jobs"], serde_json::json!({ "blocked": 1, "running": 1 }));
    assert_eq!(json("/api/v1/sweeps/1").await["stages"][1]["inputs"][0], "base");
    let jobs = json("/api/v1/sweeps/s1/jobs?state=blocked").await;
    assert_eq!((&jobs["total"], &jobs["items"][0]["stage"]), (&1.into(), &"pruned".into()));
    assert_eq!(json("/api/v1/sweeps/s1/jobs?limit=1&offset=1").await["items"][0]["id"], "j2");
    assert_eq!(json("/api/v1/jobs/j1").await["attempts"][0]["agent"], "lab-1");
    let agent = json("/api/v1/agents/lab-1").await;
    assert_eq!((&agent["connected"], &agent["jobs"][0]["job"]), (&false.into(), &"j1".into()));
    let newest = json("/api/v1/events?limit=1").await;
    let before = newest["before"].as_i64().unwrap();
    let older = json(&format!("/api/v1/events?before={before}&limit=1000")).await;
    assert_eq!(older["before"], Value::Null);
    let all = json("/api/v1/events").await;
    assert_eq!(all["items"].as_array().unwrap().len(), older["items"].as_array().unwrap().len() + 1);
    assert_eq!(json("/api/v1/events?what=submit&of=s1&actor=alice").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(json("/api/v1/events?what=submit&of=s1&actor=bob").await["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn nobody_reads_without_a_persons_token_or_a_session() {
    let (site, token) = stage().await;
    let join = site.token(TokenKind::Join { uses: None }).await.0;
    let (revoked, id) = site.token(TokenKind::User(Role::User)).await;
    site.store.write(RevokeToken { id, of: None, actor: "root".to_owned() }).await.unwrap();
    site.access.reload().await.unwrap();
    let mut alice = site.signed_in("alice").await;
    for route in programs() {
        let path = path(route);
        for worthless in [None, Some(""), Some("x"), Some("swu_1_x"), Some(revoked.as_str()), Some(HOME_TOKEN)] {
            let answer = site.ask(&path, worthless).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} with {worthless:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"sweep\"");
            let problem: Value = serde_json::from_str(&answer.text).unwrap();
            assert_eq!((&problem["status"], &problem["type"]), (&401.into(), &"about:blank".into()));
        }
        assert_eq!(site.ask(&path, Some(&join)).await.status, StatusCode::FORBIDDEN, "{path}: a join token");
        assert_eq!(site.ask(&path, Some(&token)).await.status, StatusCode::OK, "{path}");
        assert_eq!(alice.get(&path).await.status, StatusCode::OK, "{path}: a browser");
    }
    for page in ["/", "/account", "/live?of=/"] {
        assert!(site.ask(page, Some(&token)).await.location().starts_with("/sign-in"), "a token opens no page: {page}");
    }
}

#[tokio::test]
async fn questions_that_make_no_sense_are_answered_in_words() {
    let (site, token) = stage().await;
    for (path, status, words) in [
        ("/api/v1/sweeps/s9", 404, "Sweep s9 does not exist"),
        ("/api/v1/sweeps/s9/jobs", 404, "Sweep s9 does not exist"),
        ("/api/v1/sweeps/s9/results", 404, "Sweep s9 does not exist"),
        ("/api/v1/sweeps/x", 404, "no such page"),
        ("/api/v1/jobs/j9", 404, "Job j9 does not exist"),
        ("/api/v1/agents/nobody", 404, "no such page"),
        ("/api/v1/sweeps?limit=1000", 400, "Limit must be a whole number up to 100"),
        ("/api/v1/sweeps?offset=-1", 400, "Offset must be a whole number"),
        ("/api/v1/sweeps/s1/jobs?state=asleep", 400, "State must be a job's state, and is \\\"asleep\\\""),
        ("/api/v1/sweeps/s1/jobs?sort=colour", 400, "Sort must be stage, label"),
        ("/api/v1/events?of=x", 400, "neither a sweep (s3) nor a job (j12)"),
        ("/api/v1/events?before=x", 400, "is no event's number"),
    ] {
        let answer = site.ask(path, Some(&token)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert!(answer.says(words), "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn numbers_are_as_prometheus_reads_them() {
    let (site, token) = stage().await;
    let answer = site.ask("/metrics", Some(&token)).await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(answer.text.ends_with("# EOF\n"));
    for line in [
        "sweep_sweeps{state=\"active\"} 1.0",
        "sweep_sweeps{state=\"cancelled\"} 0.0",
        "sweep_jobs{state=\"running\"} 1.0",
        "sweep_jobs{state=\"blocked\"} 1.0",
        "sweep_attempts_live 1",
        "sweep_agents{state=\"away\"} 1.0",
        "sweep_agent_attempts_live{agent=\"lab-1\"} 1.0",
        "sweep_database_writable 1",
        "sweep_pages_open 0",
    ] {
        assert!(answer.text.lines().any(|other| other == line), "{line} in\n{}", answer.text);
    }
    let commits = |text: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with("sweep_commits_total ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let before = commits(&answer.text);
    site.sql("UPDATE users SET role = role").await;
    assert_eq!(commits(&site.ask("/metrics", Some(&token)).await.text), before + 1);
}

#[tokio::test]
async fn health_is_tried_and_not_guessed() {
    let site = site().await;
    let ask = async || site.browser().get("/healthz").await.status;
    assert_eq!(ask().await, StatusCode::OK);
    site.store.close().await;
    assert_eq!(ask().await, StatusCode::OK, "what was found a moment ago is not tried again for each stranger");
    site.pass(Duration::from_secs(11));
    assert_eq!(ask().await, StatusCode::SERVICE_UNAVAILABLE);
}
