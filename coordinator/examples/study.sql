-- A study to look at: :configs configurations, three seeds of each. Every configuration is a baseline, a pruned network with three
-- points, an int8 network, and a measure job for each of those five points: 24 jobs a configuration.
--
-- Job ids: 8 blocks of 3 * :configs ids: base, pruned, int8, then measures of base, s0.50, s0.75, s0.90, int8.
INSERT INTO agents (id, host, boot_id, incarnation, slots, devices_json, seen_ms)
VALUES ('lab-1', 'lab-1', 'boot', 1, 4, '[{"class": "cuda", "index": 0, "name": "NVIDIA RTX A6000", "memory_total_bytes": 51539607552, "memory_free_bytes": 22548578304, "slots": 2, "status": {"uuid": "GPU-0", "all_slots": 2, "uses": [{"attempt": "j5.1", "bytes": 15032385536}, {"attempt": "j6.1", "bytes": 6442450944}], "others": [{"pid": 4211, "name": "blender", "user": "anna", "bytes": 5476083302}], "sensors": {"temperature_c": 71, "busy_percent": 97, "power_mw": 271400, "power_limit_mw": 300000}}},
     {"class": "cuda", "index": 1, "name": "NVIDIA RTX A6000", "memory_total_bytes": 51539607552, "memory_free_bytes": 50465865728, "slots": 0, "status": {"uuid": "GPU-1", "all_slots": 2, "uses": [], "others": [], "sensors": {"temperature_c": 34, "busy_percent": 0, "power_mw": 22000, "power_limit_mw": 300000}, "closed": {"why": "excluded", "detail": "Xid 79: GPU has fallen off the bus"}}},
     {"class": "cpu", "index": 0, "name": "AMD EPYC 7313 16-Core Processor", "memory_total_bytes": 137438953472, "memory_free_bytes": 103079215104, "slots": 2, "status": {"all_slots": 2}}]', :now),
    ('desk', 'desk', 'boot', 1, 2, '[{"class": "cpu", "index": 0, "name": "Intel Core i7-12700", "memory_total_bytes": 34359738368, "memory_free_bytes": 21474836480, "slots": 2, "status": {"all_slots": 2}}]', :now);

INSERT INTO sweeps (id, name, state, fingerprint, plan_yaml, plan_path, created_ms, owner, budget_gpu_hours)
VALUES (1, 'resnet-prune-quant', 'active', 'f', 'name: resnet-prune-quant' || char(10) || 'data: cifar10' || char(10)
        || 'stages:' || char(10) || '  base:' || char(10) || '    train: { model: resnet18-cifar, epochs: 8 }' || char(10),
        '/home/ada/resnet.yaml', :now - 9000000, 'ada', 400);

CREATE TEMP TABLE numbers AS
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 24 * :configs) SELECT i FROM n;

-- Block, seed, configuration, a number in 0..1000 that looks like chance.
CREATE TEMP TABLE plan AS
SELECT i + 1 AS id, i / (3 * :configs) AS block, i % 3 AS seed, i % (3 * :configs) / 3 AS config,
       (i * 2654435761 >> 7) % 1000 AS chance
FROM numbers;

CREATE TEMP TABLE shown AS
SELECT *,
       CASE WHEN block = 0 THEN 'base' WHEN block = 1 THEN 'pruned' WHEN block = 2 THEN 'int8' ELSE 'measure' END AS stage,
       CASE block WHEN 0 THEN 'train' WHEN 1 THEN 'prune' WHEN 2 THEN 'quantize' ELSE 'measure' END AS kind,
       CASE WHEN block = 0 AND chance < 990 THEN 'succeeded'
            WHEN block = 1 AND chance < 900 THEN 'succeeded'
            WHEN block = 2 AND chance < 700 THEN 'succeeded'
            WHEN block > 2 AND chance < 800 THEN 'succeeded'
            WHEN chance > 994 THEN 'failed'
            WHEN block < 3 AND id % (3 * :configs) < 4 THEN 'running'
            WHEN chance % 2 = 0 THEN 'ready' ELSE 'blocked' END AS state
FROM plan;

INSERT INTO jobs (id, sweep, key, state, attempt, finished_ms, failure_class, message, exclusive, preemptible, retries, reusable, changed_ms)
SELECT id, 1, printf('%064x', id * 2654435761), state, CASE WHEN state IN ('succeeded', 'failed', 'running') THEN 1 + (id % 40 = 1) ELSE 0 END,
       CASE WHEN state IN ('succeeded', 'failed') THEN :now - chance * 1000 END,
       CASE WHEN state = 'failed' THEN 'out_of_memory' END,
       CASE WHEN state = 'failed' THEN 'CUDA out of memory: tried to allocate 2.1 GiB' ELSE '' END,
       block > 2, block < 3, 3, 1, :now - chance * 1000
FROM shown;

INSERT INTO job_specs (job, stage, kind, label, seed, spec_json, params_json)
SELECT id, stage, kind,
       CASE block WHEN 0 THEN printf('lr=%.4f width=%.2f', 0.01 * (1 + config % 9), 0.25 * (1 + config % 4))
                  WHEN 1 THEN printf('criterion=%s input=base[lr=%.4f width=%.2f]', CASE config % 2 WHEN 0 THEN 'l1' ELSE 'taylor' END, 0.01 * (1 + config % 9), 0.25 * (1 + config % 4))
                  WHEN 2 THEN printf('mode=%s input=base[lr=%.4f width=%.2f]', CASE config % 2 WHEN 0 THEN 'qat' ELSE 'static' END, 0.01 * (1 + config % 9), 0.25 * (1 + config % 4))
                  ELSE printf('input=%s', CASE block WHEN 3 THEN 'base' WHEN 7 THEN 'int8' ELSE 'pruned' END) END
       -- Parameters repeat where there are many configurations; the key's number tells them apart.
       || CASE WHEN config >= 36 THEN printf(' repeat=%d', config / 36) ELSE '' END,
       seed, '{"stage":"' || stage || '","params":{"fit":{"batch":128},"padding":"' || hex(zeroblob(500)) || '"}}', '{}'
FROM shown;

INSERT INTO job_inputs (job, ordinal, source, role, point)
SELECT id, 0, CASE block WHEN 1 THEN id - 3 * :configs WHEN 2 THEN id - 6 * :configs WHEN 3 THEN id - 9 * :configs
                         WHEN 7 THEN id - 15 * :configs ELSE id - (block - 1) * 3 * :configs END,
       CASE WHEN block < 3 THEN 'input' ELSE 'candidate' END,
       CASE block WHEN 4 THEN 's0.50' WHEN 5 THEN 's0.75' WHEN 6 THEN 's0.90' ELSE 'main' END
FROM shown WHERE block > 0;

-- Every fortieth lost its first agent at epoch 3 and went on elsewhere.
INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, started_ms, finished_ms, run_s, message,
                      inputs_digest, memory_bytes, peak_memory_bytes)
SELECT id, 1, id, 'lost', 'desk', 'cuda', 0, :now - 8000000, :now - 8000000, :now - 7900000, 55.5, 'the agent did not come back', 'd', 3000000000, 0
FROM shown WHERE state IN ('succeeded', 'failed', 'running') AND id % 40 = 1;

INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, started_ms, finished_ms, run_s, failure_class,
                      message, inputs_digest, resumed_attempt, resumed_epoch, memory_bytes, peak_memory_bytes)
SELECT id, 1 + (id % 40 = 1), id + 1, state, 'lab-1', CASE WHEN block > 2 THEN 'cpu' ELSE 'cuda' END, id % 2,
       :now - 200000 - chance * 1000, :now - 200000 - chance * 1000, CASE WHEN state <> 'running' THEN :now - chance * 1000 END,
       CASE WHEN state <> 'running' THEN 90.0 + chance / 10.0 END, CASE WHEN state = 'failed' THEN 'out_of_memory' END,
       CASE WHEN state = 'failed' THEN 'CUDA out of memory: tried to allocate 2.1 GiB' ELSE '' END, 'd',
       id % 40 = 1, CASE WHEN id % 40 = 1 THEN 3 ELSE 0 END, 3000000000, CASE WHEN state <> 'running' THEN 2000000000 + chance * 900000 ELSE 0 END
FROM shown WHERE state IN ('succeeded', 'failed', 'running');

INSERT INTO epochs (job, attempt, epoch, epochs, phase, metrics_json, at_ms)
SELECT s.id, a.number, e.i + 1, 8, 'train',
       json_object('loss', 2.0 / (1.0 + e.i) + s.chance / 5000.0, 'val_loss', 2.1 / (1.0 + e.i * 0.8) + s.chance / 4000.0,
                   'accuracy', 0.94 - 0.5 / (1.5 + e.i) - s.chance / 20000.0, 'val_accuracy', 0.92 - 0.5 / (1.5 + e.i) - s.chance / 20000.0,
                   'learning_rate', 0.1 * (8 - e.i) / 8.0, 'seconds', 11.0 + s.chance / 500.0), :now
FROM shown s JOIN attempts a ON a.job = s.id JOIN (SELECT i FROM numbers WHERE i < 8) e ON e.i < CASE WHEN a.state = 'lost' THEN 4 WHEN s.state = 'running' THEN 5 ELSE 8 END
WHERE s.block < 2 AND NOT (a.number = 2 AND e.i < 3);

CREATE TEMP TABLE made AS
SELECT s.id, s.config, s.seed, s.chance, s.block, 'main' AS point, 0 AS ordinal, 1.0 AS kept FROM shown s WHERE s.block IN (0, 2) AND s.state = 'succeeded'
UNION ALL SELECT id, config, seed, chance, block, 's0.50', 0, 0.5 FROM shown WHERE block = 1 AND state = 'succeeded'
UNION ALL SELECT id, config, seed, chance, block, 's0.75', 1, 0.25 FROM shown WHERE block = 1 AND state = 'succeeded'
UNION ALL SELECT id, config, seed, chance, block, 's0.90', 2, 0.1 FROM shown WHERE block = 1 AND state = 'succeeded';

INSERT INTO points (job, name, ordinal, attempt, metrics_json)
SELECT id, point, ordinal, 1 + (id % 40 = 1),
       json_object('accuracy', 0.935 - 0.02 / (1 + config % 4) - 0.03 * (1 - kept) * (1 - kept) - 0.006 * (block = 2) - abs(config % 9 - 4) * 0.002 - chance / 300000.0,
                   'top5_accuracy', 0.99, 'val_accuracy', 0.93, 'test_loss', 0.25 + chance / 9000.0, 'macro_f1', 0.92, 'macro_precision', 0.92, 'macro_recall', 0.92,
                   'parameters', 11173962 * (1 + config % 4) / 4, 'parameters_nonzero', cast(11173962 * kept * (1 + config % 4) / 4 AS INTEGER),
                   'parameters_trainable', 11173962, 'macs', cast(556000000 * kept * (1 + config % 4) / 4 AS INTEGER),
                   'size_fp32_bytes', 44700000 * (1 + config % 4) / 4,
                   'size_onnx_bytes', cast(44700000.0 * (1 + config % 4) / 4 * kept / CASE WHEN block = 2 THEN 3.9 ELSE 1 END AS INTEGER),
                   'training_s', 90.0 + chance / 10.0, 'preparation_s', 2.5, 'quantized', block = 2, 'parity_top1', 0.9991, 'parity_max_relative', 0.0002)
FROM made;

INSERT INTO points (job, name, ordinal, attempt, metrics_json)
SELECT id, 'main', 0, 1 + (id % 40 = 1),
       json_object('latency_ms_b1', 2.0 + chance / 900.0, 'latency_p95_ms_b1', 2.4 + chance / 800.0, 'reference_latency_ms_b1', 3.5, 'speedup_b1', 3.5 / (2.0 + chance / 900.0),
                   'throughput_per_s_b1', 480.0, 'latency_ms_b32', 31.0 + chance / 90.0, 'latency_p95_ms_b32', 33.0, 'reference_latency_ms_b32', 60.0, 'speedup_b32', 1.9,
                   'throughput_per_s_b32', 1000.0, 'peak_memory_bytes', 120000000)
FROM shown WHERE block > 2 AND state = 'succeeded';

-- The bytes of these two are beside the database, where the example puts them.
INSERT INTO blobs (hash, size_bytes, created_ms) VALUES (:evaluation, :evaluation_bytes, :now), (:model, :model_bytes, :now);
INSERT INTO point_files (job, point, name, hash) SELECT id, point, 'evaluation.json', :evaluation FROM made;
INSERT INTO point_files (job, point, name, hash) SELECT id, point, 'model.onnx', :model FROM made;

DROP TABLE made;
DROP TABLE shown;
DROP TABLE plan;
DROP TABLE numbers;
