//! Adjacent versions work together: whatever the version before says is understood, and what is said to it, too.
//!
//! `proto/previous/` keeps that version's `.proto` and one whole conversation of its agent and coordinator. At a release both are
//! made anew (CONTRIBUTING.md). A version further back is refused by [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION) if it must be.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::v1;

const NOW: &[u8] = super::DESCRIPTOR;
const BEFORE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/previous_descriptor.bin"));
const CONVERSATION: &str = include_str!("../../proto/previous/session.jsonl");

/// Messages and methods by their full names.
#[derive(Clone)]
struct Schema {
    messages: BTreeMap<String, DescriptorProto>,
    /// Input, output, whether the client and the server stream.
    methods: BTreeMap<String, (String, String, bool, bool)>,
}

fn schema(descriptor: &[u8]) -> Schema {
    let set = FileDescriptorSet::decode(descriptor).unwrap();
    let mut schema = Schema { messages: BTreeMap::new(), methods: BTreeMap::new() };
    for file in set.file {
        let package = file.package().to_owned();
        for message in file.message_type.clone() {
            add(&mut schema.messages, &package, message);
        }
        for service in &file.service {
            for method in &service.method {
                let kind = (method.input_type().to_owned(), method.output_type().to_owned());
                let streams = (method.client_streaming(), method.server_streaming());
                let name = format!("{package}.{}/{}", service.name(), method.name());
                schema.methods.insert(name, (kind.0, kind.1, streams.0, streams.1));
            }
        }
    }
    schema
}

fn add(messages: &mut BTreeMap<String, DescriptorProto>, within: &str, message: DescriptorProto) {
    let name = format!("{within}.{}", message.name());
    for nested in message.nested_type.clone() {
        add(messages, &name, nested);
    }
    messages.insert(name, message);
}

/// What of `before` is not so any more.
fn broken(before: &Schema, now: &Schema) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, kind) in &before.methods {
        if now.methods.get(name) != Some(kind) {
            broken.push(format!("{name} is another method, or gone"));
        }
    }
    for (name, old) in &before.messages {
        let Some(new) = now.messages.get(name) else {
            broken.push(format!("{name} is gone"));
            continue;
        };
        for field in &old.field {
            broken.extend(of_field(name, field, new));
        }
    }
    broken
}

/// A field that is given up leaves its number reserved, so that nothing else is ever read from it.
fn of_field(message: &str, field: &FieldDescriptorProto, now: &DescriptorProto) -> Option<String> {
    let named = format!("{message}.{}", field.name());
    let Some(same) = now.field.iter().find(|other| other.number() == field.number()) else {
        let number = field.number();
        let reserved = now.reserved_range.iter().any(|range| (range.start()..range.end()).contains(&number));
        return (!reserved).then(|| format!("{named} is gone, and its number {number} is not reserved"));
    };
    let facts = |field: &FieldDescriptorProto| {
        let kind: (Type, Label) = (field.r#type(), field.label());
        (kind, field.type_name().to_owned(), field.oneof_index.is_some(), field.name().to_owned())
    };
    (facts(same) != facts(field)).then(|| format!("{named} is now {} of another kind", same.name()))
}

#[test]
fn what_the_version_before_says_keeps_its_meaning() {
    assert_eq!(broken(&schema(BEFORE), &schema(NOW)), [""; 0]);
}

#[test]
fn the_comparison_sees_what_would_break() {
    let before = schema(BEFORE);
    let changed = |change: &dyn Fn(&mut DescriptorProto)| {
        let mut now = before.clone();
        change(now.messages.get_mut("sweep.v1.Hello").unwrap());
        broken(&before, &now)
    };
    assert_eq!(changed(&|_| {}), [""; 0]);
    assert_eq!(changed(&|hello| hello.field[1].number = Some(99)).len(), 1);
    assert_eq!(changed(&|hello| hello.field[1].type_name = Some(".sweep.v1.Device".to_owned())).len(), 1);
    assert_eq!(changed(&|hello| hello.field[1].set_type(Type::Bytes)).len(), 1);
    assert_eq!(changed(&|hello| hello.field[1].set_label(Label::Repeated)).len(), 1);
    let gone = changed(&|hello| drop(hello.field.remove(1)));
    assert_eq!(gone, ["sweep.v1.Hello.agent_id is gone, and its number 2 is not reserved"]);
    let reserved = prost_types::descriptor_proto::ReservedRange { start: Some(2), end: Some(3) };
    let given_up = |hello: &mut DescriptorProto| {
        hello.field.remove(1);
        hello.reserved_range.push(reserved);
    };
    assert_eq!(changed(&given_up), [""; 0]);
    let mut without = before.clone();
    without.messages.remove("sweep.v1.Hello");
    without.methods.remove("sweep.v1.Agents/Session");
    assert_eq!(broken(&before, &without).len(), 2);
}

/// As the recorder writes it.
#[derive(serde::Deserialize)]
struct Recorded {
    from: String,
    path: String,
    message: String,
}

/// Whether the message is understood in full: nothing of it is lost on the way through our types.
fn survives<M: Message + Default>(bytes: &[u8]) -> bool {
    M::decode(bytes).is_ok_and(|message| message.encode_to_vec() == bytes)
}

#[test]
fn a_recorded_conversation_is_understood_in_full() {
    let mut kinds = BTreeMap::new();
    for line in CONVERSATION.lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        let bytes = BASE64_STANDARD.decode(&recorded.message).unwrap();
        let by_agent = recorded.from == "agent";
        let understood = match (recorded.path.rsplit('/').next().unwrap(), by_agent) {
            ("Session", true) => survives::<v1::AgentMessage>(&bytes),
            ("Session", false) => survives::<v1::CoordinatorMessage>(&bytes),
            ("Stat", true) => survives::<v1::StatRequest>(&bytes),
            ("Stat", false) => survives::<v1::StatReply>(&bytes),
            ("Upload", true) => survives::<v1::Chunk>(&bytes),
            ("Upload", false) => survives::<v1::StatReply>(&bytes),
            (other, _) => panic!("{other} is not expected in a recording"),
        };
        assert!(understood, "{line}");
        *kinds.entry((recorded.path, recorded.from)).or_insert(0) += 1;
    }
    assert!(kinds.len() == 6 && kinds.values().all(|count| *count > 0), "{kinds:?}");
}
