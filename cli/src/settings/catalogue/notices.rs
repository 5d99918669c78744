//! Those of notices: `[notify]` in the file, and nowhere else.

use super::Described;

const fn notice(name: &'static str, example: &'static str, default: &'static str, about: &'static str) -> Described {
    Described { name, flag: None, variable: "", example, default, about }
}

pub const NOTICES: &[Described] = &[
    notice(
        "notify.page",
        "\"https://desk:7433\"",
        "as the coordinator thinks that it is called",
        "how people reach the page, for the links in notices",
    ),
    notice(
        "notify.to.email",
        "[\"me@example.org\"]",
        "nobody",
        "who is told where a plan names nobody, and of all that concerns no sweep",
    ),
    notice(
        "notify.to.sms",
        "[\"+15550100\"]",
        "nobody",
        "the same by text message; or the address of a gateway for mail",
    ),
    notice("notify.to.webhook", "[\"lab\"]", "nobody", "the same by web hook"),
    notice(
        "notify.on.email",
        "[\"finished\", \"failed\"]",
        "all but cancelled",
        "the occasions: finished, failed, cancelled, paused, job_failed, agent_lost, agent_joined, device_failed, disk_low, sign_in, restarted",
    ),
    notice(
        "notify.on.sms",
        "[\"failed\"]",
        "finished, failed, paused, agent_lost, disk_low",
        "the same for text messages",
    ),
    notice("notify.on.webhook", "[\"finished\", \"failed\"]", "all but cancelled", "the same for web hooks"),
    notice("notify.allow", "[\"*@example.org\"]", "anybody", "whom plans may name"),
    notice("notify.disk_low", "\"5 GiB\"", "5 GiB", "less room than this on the coordinator's disk is told"),
    notice(
        "notify.heartbeat.url",
        "\"https://…\"",
        "none",
        "is asked for as long as the coordinator is well, so that its silence is noticed",
    ),
    notice("notify.heartbeat.every", "\"5m\"", "5m", "how often"),
    notice("notify.smtp.host", "\"smtp.example.org\"", "none", "the server that takes mail"),
    notice("notify.smtp.port", "587", "587; 465 with tls, 25 with off", "its port"),
    notice(
        "notify.smtp.security",
        "\"starttls\"",
        "starttls",
        "or tls, from the first byte on; off only to a server on this machine",
    ),
    notice("notify.smtp.user", "\"sweep\"", "none", "who logs in there"),
    notice("notify.smtp.password_file", "\"smtp-password\"", "none", "and with which password"),
    notice("notify.smtp.from", "\"me@example.org\"", "none", "the sender"),
    notice("notify.smtp.ca_file", "\"mail-ca.pem\"", "none", "an authority of one's own that vouches for the server"),
    notice(
        "notify.sms.url",
        "\"https://…/Messages.json\"",
        "none",
        "where text messages are handed in, as Twilio takes them",
    ),
    notice("notify.sms.account", "\"AC0123\"", "none", "the account there"),
    notice("notify.sms.token_file", "\"sms-token\"", "none", "and its token"),
    notice("notify.sms.from", "\"+15550199\"", "none", "the sender"),
    notice(
        "notify.hooks",
        "{ lab = { url_file = \"lab-url\" } }",
        "none",
        "web hooks by name: url or url_file, shape (json, slack, discord, ntfy), secret_file",
    ),
];
