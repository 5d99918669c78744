//! Who is told what becomes of the sweep. No part of a key or of the plan's fingerprint.

use crate::notices::{Notify, Occasion, phone, wrong_email};

use super::fields::{Field, Fields};
use super::suggest::{listed, nearest};
use super::tree::Value;

const HELP: &str = "for example `notify: { email: [me@example.org], on: [finished, failed] }`";
/// Of each kind.
const MOST: usize = 20;

pub(super) fn read(field: &Field<'_>) -> Notify {
    if !matches!(field.node.value, Value::Map(_)) {
        let error = field.error(format!("expected a map of fields, found {}", field.found()));
        field.problems.add(error.help(HELP));
        return Notify::default();
    }
    let Some(fields) = field.fields() else { return Notify::default() };
    if fields.entries.is_empty() {
        field.problems.add(field.error("`notify` names nobody and nothing").help(HELP));
    }
    let notify = Notify {
        email: each(&fields, "email", email),
        sms: each(&fields, "sms", number),
        webhook: each(&fields, "webhook", hook),
        on: fields.get("on").map(|field| occasions(&field)),
    };
    fields.finish();
    notify
}

/// One or a list of them, each once.
fn each(fields: &Fields<'_>, name: &'static str, read: impl Fn(&Field<'_>) -> Option<String>) -> Vec<String> {
    let Some(field) = fields.get(name) else { return Vec::new() };
    let items = one_or_list(&field);
    if items.is_empty() {
        field.say(format!("`{name}` lists nobody"));
    }
    if items.len() > MOST {
        field.say(format!("there are {} of them; {MOST} are the limit", items.len()));
    }
    let mut all = Vec::new();
    for item in items {
        let Some(value) = read(&item) else { continue };
        if all.contains(&value) {
            item.say(format!("`{value}` is listed twice"));
        }
        all.push(value);
    }
    all
}

fn one_or_list<'a>(field: &Field<'a>) -> Vec<Field<'a>> {
    match field.node.value {
        Value::List(_) => field.list().unwrap_or_default(),
        _ => vec![field.clone()],
    }
}

fn email(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if let Some(why) = wrong_email(text) {
        field.say(format!("`{text}` is no address for mail: {why}"));
        return None;
    }
    Some(text.to_owned())
}

fn number(field: &Field<'_>) -> Option<String> {
    if !matches!(field.node.value, Value::Text(_)) {
        let error = field.error(format!("expected a phone number in quotes, found {}", field.found()));
        field.problems.add(error.help("YAML takes +15550100 for a number: write \"+15550100\""));
        return None;
    }
    let text = field.text()?;
    if text.contains('@') {
        // A gateway that makes text messages of mail.
        return email(field);
    }
    phone(text).map_err(|why| field.say(format!("`{text}` is no phone number: {why}"))).ok()
}

fn hook(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.contains("://") {
        let error = field.error("a web hook is called by its name, not by its address");
        field.problems.add(error.help("the coordinator's sweep.toml describes it: `[notify.hooks.lab]` with its url"));
        return None;
    }
    Some(text.to_owned())
}

fn occasions(field: &Field<'_>) -> Vec<Occasion> {
    let items = one_or_list(field);
    if items.is_empty() {
        let error = field.error("`on` lists nothing, so that nobody would be told");
        field.problems.add(error.help("leave `on` out, and the coordinator's settings hold"));
    }
    let mut all = Vec::new();
    for item in items {
        let Some(occasion) = occasion(&item) else { continue };
        if all.contains(&occasion) {
            item.say(format!("`{occasion}` is listed twice"));
        }
        all.push(occasion);
    }
    all
}

fn occasion(field: &Field<'_>) -> Option<Occasion> {
    let word = field.text()?;
    let words = || Occasion::ALL.into_iter().filter(|occasion| occasion.is_of_sweep()).map(Occasion::as_str);
    match word.parse::<Occasion>() {
        Ok(occasion) if occasion.is_of_sweep() => Some(occasion),
        Ok(occasion) => {
            let error = field.error(format!("`{occasion}` is nothing that happens to a sweep"));
            field.problems.add(error.help("who is told of it stands in the coordinator's sweep.toml, under [notify]"));
            None
        }
        Err(_) => {
            let error = field.error(format!("unknown word `{word}`")).suggest(nearest(word, words()));
            field.problems.add(error.help(format!("allowed: {}", listed(words()))));
            None
        }
    }
}
