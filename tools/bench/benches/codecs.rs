//! The four payload formats: encoding and decoding a create, by the size of its note.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use daybook::adapters::file_log::PayloadFormat;
use daybook_bench::{CONTENTS, Failure, submission};

fn main() -> Result<(), Failure> {
    let mut criterion = Criterion::default().configure_from_args();
    for content in CONTENTS {
        let submission = submission(1, content)?;
        let mut encode = criterion.benchmark_group("encode");
        encode.throughput(Throughput::Elements(1));
        for format in PayloadFormat::ALL {
            let id = BenchmarkId::new(format.name(), content);
            encode.bench_function(id, |bencher| {
                bencher.iter(|| format.encode(black_box(&submission)));
            });
        }
        encode.finish();
        let mut decode = criterion.benchmark_group("decode");
        decode.throughput(Throughput::Elements(1));
        for format in PayloadFormat::ALL {
            let payload = format.encode(&submission)?;
            assert_eq!(format.decode(&payload)?, submission);
            let id = BenchmarkId::new(format.name(), content);
            decode.bench_function(id, |bencher| {
                bencher.iter(|| format.decode(black_box(&payload)));
            });
        }
        decode.finish();
    }
    criterion.final_summary();
    Ok(())
}
