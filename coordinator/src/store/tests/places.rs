//! Which ready jobs are read for whom.

use sweep_shared::resources::DeviceClass;

use super::super::testing::*;
use super::super::*;

const B12: &str = r#"{"room":["b12"]}"#;

fn at(stage: &str, place: &str) -> NewJob {
    NewJob { place: place.to_owned(), ..job(stage) }
}

fn on(stage: &str, class: DeviceClass) -> NewJob {
    NewJob { device: Some(class), ..job(stage) }
}

impl Bench {
    async fn waiting(&self, query: read::ReadyQuery<'_>) -> Vec<String> {
        self.store.ready(query).await.unwrap().into_iter().map(|ready| ready.stage).collect()
    }
}

#[tokio::test]
async fn jobs_are_read_where_somebody_is_and_an_amended_plan_moves_them() {
    let bench = bench().await;
    let (sweep, _) = bench.submit(vec![at("a", B12), job("b")]).await;
    assert_eq!(bench.store.places().await.unwrap(), [B12]);
    assert_eq!(bench.waiting(any_ready()).await, ["b"]);
    let here = [B12.to_owned()];
    let query = read::ReadyQuery { places: &here, ..any_ready() };
    assert_eq!(bench.waiting(query).await, ["a", "b"]);
    let ready = bench.store.ready(query).await.unwrap();
    assert_eq!((ready[0].place.to_string(), ready[1].place.is_anywhere()), ("room: b12".to_owned(), true));
    let amended = Submit { amend: Some(sweep), ..plan(vec![at("a", ""), at("b", B12)]) };
    bench.store.write(amended).await.unwrap();
    assert_eq!(bench.waiting(any_ready()).await, ["a"]);
}

#[tokio::test]
async fn for_one_class_of_device_jobs_without_a_wish_count_where_they_should() {
    let bench = bench().await;
    let (cpu, gpu) = (on("cpu", DeviceClass::Cpu), on("gpu", DeviceClass::Cuda));
    bench.submit(vec![gpu, cpu, job("any")]).await;
    let of_cpu = read::ReadyQuery { cuda_bytes: None, ..any_ready() };
    assert_eq!(bench.waiting(of_cpu).await, ["cpu", "any"]);
    assert_eq!(bench.waiting(read::ReadyQuery { wishless: false, ..of_cpu }).await, ["cpu"]);
    assert_eq!(bench.waiting(read::ReadyQuery { cpu_bytes: None, ..any_ready() }).await, ["gpu", "any"]);
}
