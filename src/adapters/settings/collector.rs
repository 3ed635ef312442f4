//! The address of an OpenTelemetry collector.

use std::str::FromStr;

/// Where a collector takes OTLP over HTTP, without the path of a signal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct CollectorEndpoint(String);

impl CollectorEndpoint {
    /// Where it takes traces.
    #[must_use]
    pub fn traces_url(&self) -> String {
        format!("{}/v1/traces", self.0.trim_end_matches('/'))
    }
}

impl FromStr for CollectorEndpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A URL may hold a password, so no message quotes more than its scheme.
        let (scheme, rest) = text.split_once("://").ok_or("it is not a URL")?;
        let host = rest.split('/').next().unwrap_or_default();
        match scheme {
            _ if !cfg!(feature = "otlp") => {
                Err("this build sends no traces: build it with the Cargo feature otlp".to_owned())
            }
            "https" if !cfg!(feature = "surreal") => {
                Err("this build has no TLS, which comes with the Cargo feature surreal".to_owned())
            }
            "http" | "https" if rest.contains(['@', '?', '#', ' ']) => {
                Err("it is a host, a port and a path; headers are in OTEL_EXPORTER_OTLP_HEADERS"
                    .to_owned())
            }
            "http" | "https" if host.is_empty() || host.starts_with(':') => {
                Err("it has no host".to_owned())
            }
            "http" | "https" => Ok(Self(text.to_owned())),
            _ => Err(format!("{scheme:?} is not http or https")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[cfg(feature = "otlp")]
    #[rstest]
    #[case("http://127.0.0.1:4318", Ok("http://127.0.0.1:4318/v1/traces"))]
    #[case("http://collector:4318/", Ok("http://collector:4318/v1/traces"))]
    #[case("http://collector/otlp", Ok("http://collector/otlp/v1/traces"))]
    #[case("http://user:s3cret@collector", Err("OTEL_EXPORTER_OTLP_HEADERS"))]
    #[case("http://", Err("no host"))]
    #[case("http://:4318", Err("no host"))]
    #[case("grpc://collector:4317", Err("not http"))]
    #[case("collector:4318", Err("not a URL"))]
    fn endpoints(#[case] text: &str, #[case] expected: Result<&str, &str>) {
        match (text.parse::<CollectorEndpoint>(), expected) {
            (Ok(endpoint), Ok(url)) => assert_eq!(endpoint.traces_url(), url),
            (Err(told), Err(words)) => {
                assert!(told.contains(words) && !told.contains("s3cret"), "{told}");
            }
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[cfg(not(feature = "otlp"))]
    #[rstest]
    #[case("http://127.0.0.1:4318")]
    #[case("https://collector")]
    fn a_build_that_sends_none_refuses_it(#[case] text: &str) {
        let told = text.parse::<CollectorEndpoint>().unwrap_err();
        assert!(told.contains("the Cargo feature otlp"), "{told}");
    }
}
