//! Windows, studio and their ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tauri::window::{Color, WindowBuilder};
use tauri::{App, AppHandle, RunEvent, Window, WindowEvent, Wry};
use tl_base::Size;
use tl_base::queue::Receiver;
use tl_cli::run::{self, Args};
use tl_cli::usage::{self, say};
use tl_studio::Config;

use crate::display;
use crate::eyes::Eyes;
use crate::instance::Instance;
use crate::present::Handles;
use crate::remembered::{Place, Remembered, SMALLEST};
use crate::shell::{MULTIVIEW, Shell, to_front};
use crate::told::{Teller, Told, channel};
use crate::window;

/// The window's thread has this long to end.
const WINDOW_WITHIN: Duration = Duration::from_secs(5);

/// Two requests within this time are meant.
const ASKED_TWICE: Duration = Duration::from_secs(10);
/// The main thread ends the program within this time once it is asked to.
const EXIT_WITHIN: Duration = Duration::from_secs(10);

/// The studio with its windows, until it is ended.
/// One that was started from a menu does not run unseen.
pub fn run(args: Args, config: Config, from_menu: bool) -> anyhow::Result<()> {
    let data_dir = config.data_dir.clone();
    let (remembered, problem) = Remembered::read(&data_dir);
    if let Some(problem) = problem {
        say(&format!("▲ {problem}"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    // The window system's library may panic where it could have said no.
    let opened = catch_unwind(AssertUnwindSafe(|| open(&remembered))).unwrap_or_else(|_| Err(anyhow::anyhow!("the window system refused")));
    let (mut app, window) = match opened {
        Ok(opened) => opened,
        Err(error) if from_menu => return Err(error.context("no window")),
        Err(error) => {
            say(&format!("No window: {error}. The studio runs without one; use the control page."));
            return run::run(&args, config, &stop, |_| {});
        }
    };
    let (teller, told) = channel();
    let drawing = draw(&mut app, &window, remembered, told, &teller, &data_dir, &stop).unwrap_or_else(|error| {
        say(&format!("No window: {error}. The show goes on without it; use the control page."));
        // An empty one helps nobody.
        window.hide().unwrap_or_else(|error| tracing::warn!(%error, "the window stays"));
        None
    });
    let (result, left) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let ended = Ended { app: app.handle().clone(), teller: teller.clone(), drawing, result: Arc::clone(&result), left: Arc::clone(&left) };
    let studio = start_studio(args, config, data_dir, Arc::clone(&stop), ended)?;
    let closing = teller.clone();
    let over = Arc::clone(&stop);
    let mut unheard = None::<Instant>;
    app.run_return(move |_, event| match event {
        RunEvent::WindowEvent { label, event: WindowEvent::CloseRequested { api, .. }, .. } if label == MULTIVIEW => {
            api.prevent_close();
            // A window that hangs asks nothing: it can still be closed, by asking twice.
            let heard = closing.tell(Told::CloseAsked);
            if !heard && unheard.replace(Instant::now()).is_some_and(|before| before.elapsed() < ASKED_TWICE) {
                over.store(true, Ordering::Release);
            }
        }
        // The program ends with its studio, not with a window.
        RunEvent::ExitRequested { api, code: None, .. } => api.prevent_exit(),
        _ => {}
    });
    left.store(true, Ordering::Release);
    stop.store(true, Ordering::Release);
    if studio.join().is_err() {
        anyhow::bail!("the studio's thread failed");
    }
    let told = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    told.unwrap_or_else(|| Err(anyhow::anyhow!("the studio's thread said nothing")))
}

/// Opens the multiview's window; it is empty until the studio runs.
fn open(remembered: &Remembered) -> anyhow::Result<(App, Window)> {
    let app = tauri::Builder::<Wry>::default().build(tauri::generate_context!())?;
    let Place { size, maximised, .. } = remembered.multiview;
    let [red, green, blue, alpha] = tl_console::ground().to_array();
    let mut builder = WindowBuilder::new(&app, MULTIVIEW)
        .title("Touchline")
        .inner_size(size.0, size.1)
        .min_inner_size(SMALLEST.0, SMALLEST.1)
        .background_color(Color(red, green, blue, alpha))
        .maximized(maximised)
        .fullscreen(remembered.full_screen);
    if let Some((x, y)) = remembered.multiview.at.filter(|at| is_seen(&app, *at)) {
        builder = builder.position(x, y);
    }
    let window = builder.build()?;
    display::outlive();
    display::outlive_bus();
    Ok((app, window))
}

/// Whether a place is on a monitor that is there now.
fn is_seen(app: &App, (x, y): (f64, f64)) -> bool {
    let monitors = app.handle().available_monitors().unwrap_or_default();
    monitors.iter().any(|monitor| {
        let (at, size) = (monitor.position().to_logical::<f64>(monitor.scale_factor()), monitor.size().to_logical::<f64>(monitor.scale_factor()));
        // Enough of its title must be there to take hold of it.
        x + 100.0 >= at.x && x + 100.0 < at.x + size.width && y >= at.y - 1.0 && y + 40.0 < at.y + size.height
    })
}

/// Starts the window's thread and lets it see what happens.
fn draw(
    app: &mut App,
    window: &Window,
    remembered: Remembered,
    told: Receiver<Told>,
    teller: &Teller,
    data_dir: &Path,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let scale = window.scale_factor()?;
    let size = window.inner_size()?;
    app.wry_plugin(Eyes::new(scale, teller.clone()));
    let shell = Shell::new(app.handle().clone(), window.clone(), teller.clone(), data_dir.to_path_buf(), Arc::clone(stop));
    match Handles::of(window) {
        Ok(handles) => Ok(Some(window::start(Arc::new(shell), handles, Size::new(size.width, size.height), scale, remembered, told, teller)?)),
        Err(error) => {
            say(&format!("No window: it has no native name ({error}). The show goes on without it; use the control page."));
            shell.hide();
            Ok(None)
        }
    }
}

/// Ends the program at once, without the libraries' own farewells, which would wait for the main thread. All files are whole by now.
fn leave_now(result: &anyhow::Result<()>) -> ! {
    let code = result.as_ref().err().map_or(0, |error| usage::tell(error).into());
    #[cfg(unix)]
    // SAFETY: it ends the process and returns never (_exit(2)).
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(unix))]
    std::process::exit(code)
}

/// What became of the studio.
type Outcome = Arc<Mutex<Option<anyhow::Result<()>>>>;

/// What is to be ended when the studio has.
struct Ended {
    app: AppHandle,
    teller: Teller,
    drawing: Option<JoinHandle<()>>,
    result: Outcome,
    /// The main thread has left the window system's loop.
    left: Arc<AtomicBool>,
}

/// The studio runs on a thread of its own, since the main thread belongs to the window system. When it is over, so is the program.
fn start_studio(args: Args, config: Config, data_dir: PathBuf, stop: Arc<AtomicBool>, ended: Ended) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("studio".into()).spawn(move || {
        let mut instance = None;
        let ran = catch_unwind(AssertUnwindSafe(|| {
            run::run(&args, config, &stop, |studio| {
                // Only now does the data folder belong to this start.
                instance = announce(&data_dir, &ended.app, &stop);
                if let Some(multiview) = studio.multiview() {
                    ended.teller.tell(Told::Studio(multiview));
                }
            })
        }));
        drop(instance);
        ended.now(ran.unwrap_or_else(|_| Err(anyhow::anyhow!("the studio failed"))));
    })
}

/// Lets second starts find this one.
fn announce(data_dir: &Path, app: &AppHandle, stop: &Arc<AtomicBool>) -> Option<Instance> {
    let (front, stop) = (app.clone(), Arc::clone(stop));
    let found = move || {
        let ending = stop.load(Ordering::Acquire);
        if !ending {
            to_front(&front);
        }
        !ending
    };
    Instance::announce(data_dir, found).inspect_err(|error| tracing::warn!("a second start will not find this one: {error}")).ok()
}

impl Ended {
    /// The window's thread first: it may still ask the main thread something, which answers only while it runs.
    fn now(self, result: anyhow::Result<()>) {
        self.teller.tell(Told::Stop);
        let since = Instant::now();
        let finished = |drawing: &JoinHandle<()>| {
            while !drawing.is_finished() && since.elapsed() < WINDOW_WITHIN {
                std::thread::sleep(Duration::from_millis(5));
            }
            drawing.is_finished()
        };
        match self.drawing {
            // A display server that stands still must not keep a program whose files are whole.
            Some(drawing) if !finished(&drawing) => tracing::warn!("the window's thread hangs and is left behind"),
            Some(drawing) => drop(drawing.join().inspect_err(|_| tracing::error!("the window's thread panicked"))),
            None => {}
        }
        // A main thread whose display is gone, or stands still, hears nothing any more.
        if display::is_gone() {
            leave_now(&result);
        }
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.app.exit(0);
        let asked = Instant::now();
        while !self.left.load(Ordering::Acquire) {
            if display::is_gone() || asked.elapsed() > EXIT_WITHIN {
                let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
                leave_now(&result.unwrap_or(Ok(())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
