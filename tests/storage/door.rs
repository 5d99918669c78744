//! What stands before the server: it lets connections through, or does to them what networks and servers do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use sweep_tests::http;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// Connections are closed at once, and those that there are, too.
    Shut,
    /// Bytes wait until the mode changes.
    Held,
    /// Every request is answered with 500.
    Ill,
    /// Shut once so many more bytes have gone to the server (`up`), or come from it.
    Cut {
        up: bool,
        after: u64,
    },
}

#[derive(Default)]
struct State {
    mode: Option<Mode>,
    /// Changes with the mode: what was begun under another one does not outlive a closing.
    closings: u64,
    cuts: u64,
    held: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    server: String,
}

/// Where clients connect to instead of the server.
pub struct Door {
    shared: Arc<Shared>,
    pub address: String,
}

impl Door {
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Mutex::new(State { mode: Some(Mode::Open), ..State::default() });
        let shared = Arc::new(Shared { state, changed: Condvar::new(), server: server.to_owned() });
        let of = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = of.clone();
                thread::spawn(move || shared.serve(client));
            }
        });
        Self { shared, address }
    }

    pub fn set(&self, mode: Mode) {
        self.shared.set(mode);
    }

    /// Waits until a connection was cut in the middle.
    pub fn wait_cut(&self) {
        self.wait(|state| state.cuts > 0);
    }

    /// Waits until somebody's bytes wait.
    pub fn wait_held(&self) {
        self.wait(|state| state.held > 0);
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let mut state = self.shared.state.lock().unwrap();
        while !until(&state) {
            state = self.shared.changed.wait(state).unwrap();
        }
    }
}

impl Shared {
    fn set(&self, mode: Mode) {
        let mut state = self.state.lock().unwrap();
        state.mode = Some(mode);
        state.closings += u64::from(matches!(mode, Mode::Shut | Mode::Ill));
        self.changed.notify_all();
    }

    /// How the door is, and how often it was closed so far: whoever came in before it is closed again is thrown out then.
    fn look(&self) -> (Mode, u64) {
        let state = self.state.lock().unwrap();
        (state.mode.unwrap(), state.closings)
    }

    fn serve(self: Arc<Self>, client: TcpStream) {
        let (mode, begun) = self.look();
        match mode {
            Mode::Shut => return,
            Mode::Ill => return answer(client),
            Mode::Open | Mode::Held | Mode::Cut { .. } => {}
        }
        let Ok(server) = TcpStream::connect(&self.server) else { return };
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = self.clone();
        let carried = thread::spawn(move || up.carry(from, to, begun, true));
        self.carry(server, client, begun, false);
        let _ = carried.join();
    }

    /// Copies until an end closes, or the door.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream, begun: u64, up: bool) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let passes = self.passes(begun, up, read);
            if to.write_all(&buffer[..passes]).is_err() || passes < read {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    /// How many of these bytes go through; fewer: the connection ends after them.
    fn passes(&self, begun: u64, is_up: bool, bytes: usize) -> usize {
        let mut state = self.state.lock().unwrap();
        loop {
            if state.closings != begun {
                return 0;
            }
            match state.mode {
                Some(Mode::Held) => {
                    state.held += 1;
                    self.changed.notify_all();
                    state = self.changed.wait(state).unwrap();
                }
                Some(Mode::Cut { up, after }) if up == is_up => {
                    let left = after.saturating_sub(bytes as u64);
                    state.mode = Some(Mode::Cut { up, after: left });
                    if left > 0 {
                        return bytes;
                    }
                    state.mode = Some(Mode::Shut);
                    state.closings += 1;
                    state.cuts += 1;
                    self.changed.notify_all();
                    return after.min(bytes as u64 - 1) as usize;
                }
                _ => return bytes,
            }
        }
    }
}

/// Reads one request to its end, and says 500.
fn answer(client: TcpStream) {
    let text = "<Error><Code>InternalError</Code><Message>We are ill.</Message></Error>";
    // Who has gone away needs no answer.
    let _ = http::read(&client).and_then(|_| http::answer(&client, "500 Internal Server Error", text));
}
