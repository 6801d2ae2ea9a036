//! Values as text: sizes, numbers, durations, signals. Pure; each error is a fragment that follows a flag's name.

mod boolean;
mod decimal;
mod duration;
mod list;
mod moment;
mod number;
mod signal;
mod size;
mod time;

pub use boolean::boolean;
pub use decimal::{Inexact, scaled};
pub use duration::{Offset, duration};
pub use list::number_list;
pub use moment::moment;
pub use number::integer;
pub use signal::{signal_name, signal_number};
pub use size::size;
pub use time::{date_and_time, now, point, rfc3339, timestamp};
