//! How fast Daybook is beside what its users could take instead, on the same
//! machine and in the same minutes. Numbers of one machine are not those of
//! another, and not those of the same an hour later; ratios of runs that
//! alternate are.

pub mod contender;
mod drain;
pub mod load;
pub mod machine;
pub mod note;
pub mod page;
pub mod plot;
pub mod rows;
pub mod scale;
pub mod seed;
pub mod statistics;
pub mod table;
