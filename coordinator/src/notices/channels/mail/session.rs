//! One conversation with a mail server, step by step, so that a refusal can be told with what was refused.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::clean::words;
use super::super::failure::{chain, later, never, set_up};
use super::super::secret::{self, Secret};
use super::super::{SendError, Sent};
use super::letter::Letter;
use super::narrow::Narrow;
use crate::notices::{Security, Smtp};

/// For a good-bye that nothing depends on.
const FAREWELL: Duration = Duration::from_secs(5);

/// How far a conversation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Greeting,
    Tls,
    Login,
    Sender,
    Recipient,
    Content,
}

/// Sends it once.
pub async fn deliver(smtp: &Smtp, letter: &Letter, patience: Duration) -> Result<Sent, SendError> {
    let password = login(smtp).await?;
    let mut connection = None;
    let told = timeout(patience, converse(smtp, letter, password.as_ref(), &mut connection)).await;
    let place = format!("{}:{}", smtp.host, smtp.port);
    match told {
        Err(_) => Err(later(format!("the mail server {place} did not answer within {} s", patience.as_secs_f32()))),
        Ok(Err(failed)) => Err(failed),
        Ok(Ok(answer)) => {
            // The mail is the server's; whether it hears that we go changes nothing.
            if let Some(mut connection) = connection {
                let _ = timeout(FAREWELL, connection.quit()).await;
            }
            Ok(Sent { answer })
        }
    }
}

async fn converse(
    smtp: &Smtp,
    letter: &Letter,
    password: Option<&(String, Secret)>,
    open: &mut Option<AsyncSmtpConnection>,
) -> Result<String, SendError> {
    let secrets: Vec<&str> = password.iter().map(|(_, secret)| secret.text()).collect();
    let refused = |step| move |error| judge(smtp, step, &error, &[]);
    let connection = open.insert(connect(smtp).await?);
    if let Some((user, secret)) = password {
        let credentials = Credentials::new(user.clone(), secret.text().to_owned());
        let login = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
        login.map_err(|error| judge(smtp, Step::Login, &error, &secrets))?;
    }
    let mut parameters = Vec::new();
    if !letter.is_ascii() {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(never("the mail server takes no addresses with such letters (it has no SMTPUTF8)"));
        }
        parameters.extend([MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
    }
    let sender = Mail::new(letter.envelope.from().cloned(), parameters);
    connection.command(sender).await.map_err(refused(Step::Sender))?;
    for reader in letter.envelope.to() {
        connection.command(Rcpt::new(reader.clone(), Vec::new())).await.map_err(refused(Step::Recipient))?;
    }
    connection.command(Data).await.map_err(refused(Step::Content))?;
    let taken = connection.message(&letter.bytes).await.map_err(refused(Step::Content))?;
    let said: Vec<&str> = taken.message().collect();
    Ok(words(&format!("{} {}", taken.code(), said.join(" ")), &secrets))
}

/// Up to a connection that may be told who we are.
async fn connect(smtp: &Smtp) -> Result<AsyncSmtpConnection, SendError> {
    let refused = |step| move |error| judge(smtp, step, &error, &[]);
    let hello = own_name();
    match smtp.security {
        Security::Tls => {
            let (places, tls) = (addresses(smtp).await?, trust(smtp).await?);
            let connected = AsyncSmtpConnection::connect_tokio1(&places[..], None, &hello, Some(tls), None).await;
            connected.map_err(refused(Step::Tls))
        }
        Security::StartTls => {
            let stream = Box::new(Narrow(reach(smtp, addresses(smtp).await?).await?));
            let tls = trust(smtp).await?;
            let connected = AsyncSmtpConnection::connect_with_transport(stream, &hello).await;
            let mut connection = connected.map_err(refused(Step::Greeting))?;
            if !connection.can_starttls() {
                let why = "the mail server offers no TLS on this port, so nothing was sent";
                return Err(set_up(format!("{why}; where TLS begins at once (port 465), say `security = \"tls\"`")));
            }
            connection.starttls(tls, &hello).await.map_err(refused(Step::Tls))?;
            Ok(connection)
        }
        Security::Off => {
            let addresses = addresses(smtp).await?;
            if !addresses.iter().all(|address| address.ip().is_loopback()) {
                let host = &smtp.host;
                return Err(set_up(format!("mail leaves this machine only by TLS, and {host} is elsewhere")));
            }
            let stream = Box::new(reach(smtp, addresses).await?);
            let connected = AsyncSmtpConnection::connect_with_transport(stream, &hello).await;
            connected.map_err(refused(Step::Greeting))
        }
    }
}

async fn addresses(smtp: &Smtp) -> Result<Vec<SocketAddr>, SendError> {
    let found = tokio::net::lookup_host((smtp.host.as_str(), smtp.port)).await;
    let found: Vec<_> =
        found.map_err(|error| later(format!("no address of {} is known: {error}", smtp.host)))?.collect();
    if found.is_empty() { Err(later(format!("no address of {} is known", smtp.host))) } else { Ok(found) }
}

async fn reach(smtp: &Smtp, addresses: Vec<SocketAddr>) -> Result<TcpStream, SendError> {
    let reached = TcpStream::connect(&addresses[..]).await;
    reached.map_err(|error| later(format!("the mail server {}:{} cannot be reached: {error}", smtp.host, smtp.port)))
}

/// How we call ourselves.
fn own_name() -> ClientId {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let plain =
        |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    host.filter(plain).map_or_else(ClientId::default, ClientId::Domain)
}

/// Whom we believe to be the server: those whom the system trusts, and the settings' own authority.
async fn trust(smtp: &Smtp) -> Result<TlsParameters, SendError> {
    let mut parameters = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = &smtp.ca_file {
        let place = path.display();
        let wrong = |why: String| set_up(format!("the mail server's authority cannot be read from {place}: {why}"));
        let pem = tokio::fs::read(path).await.map_err(|error| wrong(error.to_string()))?;
        if !pem.windows(10).any(|at| at == b"-----BEGIN") {
            return Err(wrong("it holds no certificate (PEM)".to_owned()));
        }
        let authority = Certificate::from_pem(&pem).map_err(|error| wrong(chain(&error)))?;
        parameters = parameters.add_root_certificate(authority);
    }
    // The system's certificates are files, some hundred.
    let built = tokio::task::spawn_blocking(move || parameters.build()).await;
    let built = built.map_err(|error| later(error.to_string()))?;
    built.map_err(|error| set_up(format!("no TLS to the mail server {}: {}", smtp.host, chain(&error))))
}

/// The user's name and password, where there are such.
async fn login(smtp: &Smtp) -> Result<Option<(String, Secret)>, SendError> {
    match (&smtp.user, &smtp.password_file) {
        (None, None) => Ok(None),
        (Some(user), Some(file)) => Ok(Some((user.clone(), secret::read(file, "the mail server's password").await?))),
        _ => Err(set_up("a login at the mail server takes both: `user` and `password_file`")),
    }
}

fn judge(smtp: &Smtp, step: Step, error: &Error, secrets: &[&str]) -> SendError {
    let place = format!("{}:{}", smtp.host, smtp.port);
    let Some(code) = error.status() else {
        let said = words(&chain(error), secrets);
        return match step {
            _ if is_distrust(error) => set_up(format!("the mail server {place} cannot be trusted: {said}")),
            Step::Login if error.is_client() => {
                set_up(format!("the mail server {place} has no login that fits (PLAIN or LOGIN)"))
            }
            Step::Tls => later(format!("no TLS with the mail server {place}: {said}")),
            _ => later(format!("the conversation with the mail server {place} broke off: {said}")),
        };
    };
    let answer = error.source().map(ToString::to_string).unwrap_or_default();
    let said = words(&format!("{code} {answer}"), secrets);
    let told = match step {
        Step::Greeting => format!("the mail server {place} takes nothing: {said}"),
        Step::Tls => format!("the mail server {place} refused TLS: {said}"),
        Step::Login => format!("the mail server {place} refused the login: {said}"),
        Step::Sender => format!("the mail server {place} refused the sender {}: {said}", smtp.from),
        Step::Recipient => format!("the mail server refused this address: {said}"),
        Step::Content => format!("the mail server refused the message: {said}"),
    };
    match step {
        _ if error.is_transient() => later(told),
        Step::Recipient | Step::Content => never(told),
        Step::Greeting | Step::Tls | Step::Login | Step::Sender => set_up(told),
    }
}

/// A certificate that nobody here vouches for, or for another name. Anything else in TLS may be a broken connection.
fn is_distrust(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let tls = inner.downcast_ref::<rustls::Error>().or_else(|| {
            let io = inner.downcast_ref::<std::io::Error>()?;
            io.get_ref()?.downcast_ref::<rustls::Error>()
        });
        if let Some(tls) = tls {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        cause = inner.source();
    }
    false
}
