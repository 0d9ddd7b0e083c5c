//! A mail server that keeps what it is sent and passes nothing on: as much of RFC 5321 as a sender needs. It listens on loopback.

use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Shared;

/// How long a line may be, in bytes (RFC 5321 §4.5.3.1.6 has 1000).
const MAX_LINE_BYTES: u64 = 4 << 10;

/// How long a mail may be, in bytes.
const MAX_MAIL_BYTES: usize = 256 << 10;

/// A mail as it is kept.
#[derive(Debug, PartialEq, Eq)]
struct Mail {
    message: String,
    recipient: String,
    subject: String,
    text: String,
}

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        // Who breaks off has sent nothing.
        tokio::spawn(async move { converse(stream, &shared).await });
    }
}

/// One conversation; `None` where the other side breaks off.
async fn converse(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    write.write_all(b"220 product.example keeps mails\r\n").await.ok()?;
    let mut recipient = None;
    loop {
        let line = line(&mut read).await?;
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" | "NOOP" | "RSET" | "MAIL" => "250 so be it",
            "RCPT" => {
                let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
                recipient = address.map(|(address, _)| address.to_owned());
                if recipient.is_some() { "250 so be it" } else { "501 RCPT TO:<address>" }
            }
            "DATA" => match recipient.take() {
                None => "503 RCPT comes first",
                Some(recipient) => {
                    write.write_all(b"354 go on, and end with a dot\r\n").await.ok()?;
                    match data(&mut read).await? {
                        None => "552 it is too long",
                        Some(data) if keep(shared, &parse(recipient, &data)) => "250 it is kept",
                        Some(_) => "451 it cannot be kept just now",
                    }
                }
            },
            "QUIT" => {
                write.write_all(b"221 goodbye\r\n").await.ok()?;
                return Some(());
            }
            // No sender of mails says anything else: a browser does, whose body might go on with commands.
            _ => {
                write.write_all(b"421 that is no mail\r\n").await.ok()?;
                return None;
            }
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

/// The next line without its end.
async fn line(read: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    read.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await.ok()?;
    let text = String::from_utf8_lossy(line.strip_suffix(b"\n")?).into_owned();
    Some(text.strip_suffix('\r').map_or(text.clone(), str::to_owned))
}

/// What follows `DATA`, to the line with a dot alone; `Some(None)`: more than is taken.
async fn data(read: &mut (impl AsyncBufRead + Unpin)) -> Option<Option<String>> {
    let (mut data, mut is_too_long) = (String::new(), false);
    loop {
        let line = line(read).await?;
        if line == "." {
            return Some((!is_too_long).then_some(data));
        }
        is_too_long |= data.len() + line.len() > MAX_MAIL_BYTES;
        if !is_too_long {
            // A line that begins with a dot was sent with one more.
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
    }
}

fn parse(recipient: String, data: &str) -> Mail {
    let (head, text) = data.split_once("\n\n").unwrap_or((data, ""));
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim()).to_owned()
    };
    Mail { message: header("Message-ID"), recipient, subject: header("Subject"), text: text.trim().to_owned() }
}

fn keep(shared: &Shared, mail: &Mail) -> bool {
    let kept = shared.database.change(|transaction| {
        transaction.execute(
            "INSERT OR IGNORE INTO mails (message, recipient, subject, text) VALUES (?1, ?2, ?3, ?4)",
            [&mail.message, &mail.recipient, &mail.subject, &mail.text],
        )
    });
    kept.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mail_ends_with_a_dot_alone_and_dots_that_were_added_are_gone() {
        let mut sent = "Message-ID: <1@x>\r\nSubject: a: b\r\n\r\nfirst\r\n..second\r\n.\r\nQUIT\r\n".as_bytes();
        let data = data(&mut sent).await.unwrap().unwrap();
        let [message, subject, text] = ["<1@x>", "a: b", "first\n.second"].map(str::to_owned);
        let expected = Mail { message, recipient: "ada@example.com".to_owned(), subject, text };
        assert_eq!(parse("ada@example.com".to_owned(), &data), expected);
        assert_eq!(line(&mut sent).await.as_deref(), Some("QUIT"), "what comes behind is no part of it");
    }

    #[tokio::test]
    async fn what_is_too_long_is_not_kept_and_a_line_without_an_end_breaks_off() {
        let long = format!("{}.\r\n", format!("{}\r\n", "x".repeat(1000)).repeat(MAX_MAIL_BYTES / 1000 + 1));
        assert_eq!(data(&mut long.as_bytes()).await, Some(None));
        let endless = "x".repeat(2 * usize::try_from(MAX_LINE_BYTES).unwrap());
        assert_eq!(line(&mut endless.as_bytes()).await, None);
    }
}
