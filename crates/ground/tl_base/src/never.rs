/// What cannot happen: panics in tests and debug checks of our own, on air it logs once per call and the caller takes the
/// safe branch that follows.
#[macro_export]
macro_rules! never {
    ($($arg:tt)+) => {{
        $crate::tracing::error!($($arg)+);
        if cfg!(test) {
            ::std::panic!($($arg)+);
        }
    }};
}
