//! What lies between us and a mail server, and can be cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// When a part of the message is through.
    InData,
    /// When all of it is, and before the server's answer to it is back.
    BeforeTheAnswer,
}

/// A way to the server that is cut once.
pub async fn cable(server: SocketAddr, cut: Cut) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = socket.accept().await.unwrap();
        carry(client, TcpStream::connect(server).await.unwrap(), cut).await;
    });
    address
}

async fn carry(mut client: TcpStream, mut server: TcpStream, cut: Cut) {
    let (mut up, mut down) = (vec![0; 4096], vec![0; 4096]);
    // The server has asked for the message; all of the message is through.
    let (mut asked, mut whole) = (false, false);
    let mut tail = Vec::new();
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let read = read.unwrap_or(0);
                if read == 0 { return }
                if asked && cut == Cut::InData {
                    server.write_all(&up[..read / 2]).await.unwrap();
                    return;
                }
                server.write_all(&up[..read]).await.unwrap();
                tail.extend_from_slice(&up[..read]);
                whole = asked && tail.ends_with(b"\r\n.\r\n");
            }
            read = server.read(&mut down) => {
                let read = read.unwrap_or(0);
                // Its answer is there: it has the message.
                if read == 0 || whole { return }
                asked |= down.starts_with(b"354");
                client.write_all(&down[..read]).await.unwrap();
            }
        }
    }
}
