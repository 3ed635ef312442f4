//! Contract suites
