//! The whole adapter on the real application with in-memory ports.

mod bad_input;
mod conditions;
mod deadlines;
mod harness;
mod health;
mod list;
mod observed;
mod parked;
mod pieces;
mod preferences;
mod problems;
mod serving;
mod traced;
mod writes;
