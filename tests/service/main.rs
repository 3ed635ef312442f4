//! The program as its users meet it: started as a process, spoken to over HTTP,
//! stopped, killed, and started wrongly.

mod in_process;
mod kill_and_stop;
mod log_command;
mod program;
mod readme;
mod refusals;
