//! What happens when the memory that Rust code asks for is not there.
//!
//! Rust would print a line and abort, and while it prints, a panic's backtrace may wait for ever for memory of its own. A runner has to
//! say why it ends: that is a failure with a class, of which the next attempt learns. (libtorch's own allocations fail with an
//! exception, which arrives as an error.)

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicI32, Ordering};

use sweep_shared::event::exit;

/// The system's allocator; a request that it cannot meet ends the process with the event `failed` of class `out_of_memory`.
pub struct LastWords;

// SAFETY: everything is System's, and a null pointer is never handed on.
unsafe impl GlobalAlloc for LastWords {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are System's conditions; likewise below.
        there(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        there(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        there(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) };
    }
}

fn there(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() { end(size) } else { pointer }
}

/// Where events go; −1: nowhere yet.
static EVENTS: AtomicI32 = AtomicI32::new(-1);

/// From now on the last words are an event on this descriptor.
pub fn tell_on(events: i32) {
    EVENTS.store(events, Ordering::Relaxed);
}

/// Nothing here may allocate, nor wait for a lock.
fn end(size: usize) -> ! {
    let mut room = [0u8; 256];
    let log = text(&mut room, format_args!("out of memory: {size} bytes are not to be had\n"));
    say(libc::STDERR_FILENO, log);
    let events = EVENTS.load(Ordering::Relaxed);
    if events >= 0 {
        say(events, event(&mut room, size));
    }
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(exit::FAILED) }
}

/// The event's line.
fn event(room: &mut [u8], size: usize) -> &[u8] {
    text(
        room,
        format_args!(
            "{{\"event\":\"failed\",\"class\":\"out_of_memory\",\"message\":\"out of memory: {size} bytes are not to be had\"}}\n"
        ),
    )
}

fn text<'a>(room: &'a mut [u8], text: std::fmt::Arguments) -> &'a [u8] {
    let length = room.len();
    let mut left = &mut room[..];
    let written = left.write_fmt(text).map_or(0, |()| length - left.len());
    &room[..written]
}

fn say(descriptor: i32, text: &[u8]) {
    // SAFETY: the text is there for its whole length. There is nobody to tell of an error.
    let _ = unsafe { libc::write(descriptor, text.as_ptr().cast(), text.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::event::RunnerEvent;
    use sweep_shared::states::FailureClass;

    #[test]
    fn the_last_words_are_an_event_however_large_the_request() {
        for size in [1, usize::MAX] {
            let mut room = [0u8; 256];
            let event = serde_json::from_slice(event(&mut room, size)).unwrap();
            let RunnerEvent::Failed { class, message } = event else { panic!("{event:?}") };
            assert_eq!(class, FailureClass::OutOfMemory);
            assert!(message.contains(&size.to_string()), "{message}");
        }
    }
}
