//! A blocking socket, plain or TLS, at either end: the origin and the raw client read and write
//! through it and do not care which it is.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Type};

use super::wait::DEADLINE;

/// A connection to somewhere.
pub enum Socket {
    /// Bare TCP.
    Plain(TcpStream),
    /// The client's end of TLS.
    TlsClient(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// The server's end of TLS.
    TlsServer(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Socket {
    /// Connects without TLS; reads give up at the deadline.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let tcp = TcpStream::connect_timeout(&address, DEADLINE)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(DEADLINE))?;
        Ok(Self::Plain(tcp))
    }

    /// The same, from an address of this machine's choice.
    pub fn connect_from(address: SocketAddr, from: IpAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&address.into(), DEADLINE)?;
        let tcp = TcpStream::from(socket);
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(DEADLINE))?;
        Ok(Self::Plain(tcp))
    }

    /// Whether nobody listens at `address`: not even a queue takes connections.
    pub fn is_refused(address: SocketAddr) -> bool {
        Self::connect(address).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Makes this the client's end of TLS, with `name` as SNI. The handshake happens at once.
    pub fn tls(self, config: Arc<ClientConfig>, name: &str) -> io::Result<Self> {
        let Self::Plain(mut tcp) = self else { panic!("TLS inside TLS") };
        let name = name.to_owned().try_into().expect("the test names a host");
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        tls.complete_io(&mut tcp)?;
        Ok(Self::TlsClient(Box::new(StreamOwned::new(tls, tcp))))
    }

    /// The server's end of an accepted connection. A TLS handshake happens with the first read.
    pub fn accepted(tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let Some(config) = tls else { return Ok(Self::Plain(tcp)) };
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::TlsServer(Box::new(StreamOwned::new(tls, tcp))))
    }

    /// The TCP connection beneath.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::TlsClient(tls) => &tls.sock,
            Self::TlsServer(tls) => &tls.sock,
        }
    }

    /// What TLS agreed on, seen from the client's end.
    pub fn session(&self) -> Option<&ClientConnection> {
        match self {
            Self::TlsClient(tls) => Some(&tls.conn),
            _ => None,
        }
    }

    /// Ends the sending direction properly.
    pub fn finish(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::TlsClient(tls) => tls.conn.send_close_notify(),
            Self::TlsServer(tls) => tls.conn.send_close_notify(),
        }
        // The peer may be gone already; that it is finished is all that is wanted.
        let _ = self.flush();
        let _ = self.tcp().shutdown(Shutdown::Write);
    }

    /// Cuts the connection with a reset: what is under way is lost.
    pub fn abort(self) {
        let socket = socket2::SockRef::from(self.tcp());
        socket.set_linger(Some(std::time::Duration::ZERO)).expect("a socket takes SO_LINGER");
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::TlsClient(tls) => tls.read(buffer),
            Self::TlsServer(tls) => tls.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::TlsClient(tls) => tls.write(bytes),
            Self::TlsServer(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::TlsClient(tls) => tls.flush(),
            Self::TlsServer(tls) => tls.flush(),
        }
    }
}
