//! Panics as events of the log. A panic ends one connection or stream, where it is caught and
//! counted; only the hook sees its place, so the hook is what logs it.

/// Makes every panic an event with its place, instead of text on the standard error output. Called
/// once, when the server starts.
pub fn log() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(%place, thread = thread.name(), "panic: {message}");
    }));
}
