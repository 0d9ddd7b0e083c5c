//! Sends the mails of invitations. They stand in the database until the mail server has them, so a kill loses none; and each has its own
//! `Message-ID`, by which the mail server knows one that comes again. What is refused for good is kept with the reason, and holds nobody up.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::{Message, SmtpTransport, Transport as _};

use crate::Shared;

/// How long a mail server that did not take a mail is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// How many mails are sent before it looks again for what waits.
pub(crate) const AT_A_TIME: usize = 100;

type Failure = Box<dyn Error + Send + Sync>;

/// Sends whatever waits, until it is stopped.
pub(crate) async fn send_all(server: SocketAddr, shared: Arc<Shared>) {
    loop {
        let sending = shared.clone();
        let sent = tokio::task::spawn_blocking(move || send_waiting(server, &sending)).await;
        match sent {
            Ok(Ok(AT_A_TIME)) => {}
            Ok(Ok(_)) => shared.mails.notified().await,
            Ok(Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Sends the next few; how many there were.
fn send_waiting(server: SocketAddr, shared: &Shared) -> Result<usize, Failure> {
    let waiting = shared.database.rows(&format!(
        "SELECT number, member, email FROM secoda_invitations
         WHERE NOT is_mailed AND number NOT IN (SELECT invitation FROM secoda_refused_mails)
         ORDER BY number LIMIT {AT_A_TIME}"
    ))?;
    let transport = SmtpTransport::builder_dangerous(server.ip().to_string()).port(server.port()).build();
    for invitation in &waiting {
        let [number, member, email] = invitation.as_slice() else { continue };
        let refused = match invitation_to(member, email) {
            Ok(mail) => match transport.send(&mail) {
                Ok(_) => None,
                Err(error) if is_for_good(&error) => Some(error.to_string()),
                Err(error) => return Err(error.into()),
            },
            Err(error) => Some(error.to_string()),
        };
        shared.database.change(|transaction| match refused {
            None => transaction.execute("UPDATE secoda_invitations SET is_mailed = 1 WHERE number = ?1", [number]),
            Some(reason) => {
                let kept = "INSERT OR REPLACE INTO secoda_refused_mails (invitation, reason) VALUES (?1, ?2)";
                transaction.execute(kept, [number, &reason])
            }
        })?;
    }
    Ok(waiting.len())
}

/// Whether another attempt would meet the same: who is written to waits for nobody then, and nobody for them. The client itself refuses an
/// address that the server says nothing of, such as one with letters beyond ASCII (RFC 6531).
fn is_for_good(error: &lettre::transport::smtp::Error) -> bool {
    error.is_permanent() || error.is_client()
}

fn invitation_to(member: &str, email: &str) -> Result<Message, Failure> {
    let mail = Message::builder()
        .from("Secoda <no-reply@secoda.example>".parse()?)
        .to(email.parse()?)
        .subject("You are invited to Secoda")
        .message_id(Some(format!("<invitation-{member}@secoda.example>")))
        .header(ContentType::TEXT_PLAIN)
        .body("Sign in once, and you are a member.\r\n".to_owned())?;
    Ok(mail)
}
