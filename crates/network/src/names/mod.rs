//! Names of containers: who has which, and a name server that answers for them.
//!
//! Each container of a network has one file in the network's directory, `names/<id>`: its names and its addresses there,
//! and who has written it. It goes when the container leaves. A container's monitor serves 127.0.0.11:53 in the
//! container's network namespace ([`Server`]) and answers from the files of all networks that the container is in; what
//! is in none of them is passed on to the host's name servers. So there is no process for names, and no state of it.

mod book;
mod message;
mod server;
mod upstream;

pub(crate) use book::{Entry, Names};
pub use server::{ADDRESS, Server};

/// Reads bytes as a server does: what a container sends, and what other servers send.
pub(crate) fn fuzz(bytes: &[u8]) {
    let read = message::read(bytes);
    if let message::Read::Query(query) = &read {
        let reply =
            query.reply(message::Code::Done, &[message::Data::Name(query.name.clone())], query.limit());
        assert!(reply.len() <= query.limit(), "{} bytes", reply.len());
        assert!(message::answers(&reply, query.id, &query.question), "{reply:?}");
        assert!(message::reversed(&query.name).is_none() || query.name.ends_with(".arpa"));
    }
    let answers = message::answers(bytes, 1, b"\x03web\0\0\x01\0\x01");
    assert!(!answers || read == message::Read::Nothing, "a question is no answer");
    assert!(!message::is_failure(bytes) || bytes.len() > 3);
    drop(upstream::parse(&String::from_utf8_lossy(bytes)));
}
