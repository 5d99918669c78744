use super::*;

fn staged(cache: &Cache, bytes: &[u8]) -> PathBuf {
    let path = cache.staging_path();
    fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn a_blob_lies_under_its_hash_and_is_read_only() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path(), 1 << 20).unwrap();
    let (hash, size_bytes) = cache.adopt(&staged(&cache, b"weights")).await.unwrap();
    assert_eq!((hash.clone(), size_bytes), (ContentHash::of(b"weights"), 7));
    assert!(cache.has(&hash).await.unwrap());
    assert_eq!(fs::read(cache.path(&hash)).unwrap(), b"weights");
    assert_eq!(fs::metadata(cache.path(&hash)).unwrap().permissions().mode() & 0o777, 0o444);
    assert!(!cache.has(&ContentHash::of(b"other")).await.unwrap());
}

#[tokio::test]
async fn the_next_incarnation_notices_a_damaged_blob() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path(), 1 << 20).unwrap();
    let (hash, _) = cache.adopt(&staged(&cache, b"weights")).await.unwrap();
    let path = cache.path(&hash);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"wEights").unwrap();
    let cache = Cache::open(home.path(), 1 << 20).unwrap();
    assert!(!cache.has(&hash).await.unwrap());
    assert!(!path.exists());
}

#[tokio::test]
async fn the_least_recently_used_go_and_pinned_blobs_stay() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path(), 250).unwrap();
    let mut hashes = Vec::new();
    for byte in 0..2_u8 {
        hashes.push(cache.adopt(&staged(&cache, &[byte; 100])).await.unwrap().0);
    }
    let old = SystemTime::UNIX_EPOCH;
    for (hash, age) in hashes.iter().zip([1, 2]) {
        let used = old + std::time::Duration::from_secs(age);
        File::open(cache.path(hash)).unwrap().set_modified(used).unwrap();
    }
    let _pin = cache.pin(&hashes[0]);
    let (newest, _) = cache.adopt(&staged(&cache, &[9; 100])).await.unwrap();
    assert!(cache.has(&hashes[0]).await.unwrap(), "pinned");
    assert!(!cache.has(&hashes[1]).await.unwrap(), "the oldest that is not pinned");
    assert!(cache.has(&newest).await.unwrap());
}
