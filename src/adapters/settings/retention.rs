//! The type of the setting for what is kept of the log.

use std::str::FromStr;
use std::time::Duration;

use super::values::number_and_unit;

const HOUR: u64 = 60 * 60;

/// How much is kept of the beginning of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum LogRetention {
    /// All of it.
    All,
    /// What was accepted within that time.
    Age(Duration),
    /// So many bytes.
    Bytes(u64),
}

impl FromStr for LogRetention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let (number, unit) = number_and_unit(text)?;
        if number == 0 {
            return Err(format!("{text:?} would keep nothing"));
        }
        let times = |each: u64| {
            let product = number.checked_mul(each).filter(|all| i64::try_from(*all).is_ok());
            product.ok_or_else(|| format!("{text:?} is too large"))
        };
        match unit {
            "h" => times(HOUR).map(Duration::from_secs).map(Self::Age),
            "d" => times(24 * HOUR).map(Duration::from_secs).map(Self::Age),
            "KiB" => times(1 << 10).map(Self::Bytes),
            "MiB" => times(1 << 20).map(Self::Bytes),
            "GiB" => times(1 << 30).map(Self::Bytes),
            "" => Err(format!("{text:?} is neither a time nor a size: it has no unit")),
            _ => Err(format!("{unit:?} is no unit of what is kept")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("all", Ok(LogRetention::All))]
    #[case("72h", Ok(LogRetention::Age(Duration::from_secs(72 * 3600))))]
    #[case("30 d", Ok(LogRetention::Age(Duration::from_secs(30 * 86_400))))]
    #[case("64KiB", Ok(LogRetention::Bytes(65_536)))]
    #[case("10 GiB", Ok(LogRetention::Bytes(10 << 30)))]
    #[case("10", Err("no unit"))]
    #[case("0 GiB", Err("would keep nothing"))]
    #[case("30m", Err("\"m\" is no unit"))]
    #[case("99999999999999 GiB", Err("too large"))]
    #[case("some", Err("does not start with a whole number"))]
    fn it_names_its_unit(#[case] text: &str, #[case] expected: Result<LogRetention, &str>) {
        match (text.parse::<LogRetention>(), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }
}
