-- Which order came after which, whatever the clock said: `entry` grows with each order and each reprint. A box without
-- a clock of its own comes up in 1970. Rows of an older agent have 0 and count as the oldest.
PRAGMA secure_delete=ON; -- rows move, and what stands on labels must leave no copy behind
ALTER TABLE print_jobs ADD COLUMN entry INTEGER NOT NULL DEFAULT 0;
UPDATE print_jobs SET entry = ranked.n
  FROM (SELECT job, row_number() OVER (ORDER BY utc_ms) AS n FROM print_jobs) AS ranked
 WHERE ranked.job = print_jobs.job;
DROP INDEX print_jobs_held;
PRAGMA secure_delete=OFF;

CREATE INDEX print_jobs_entered ON print_jobs (entry);
CREATE INDEX print_jobs_held ON print_jobs (entry) WHERE data <> '';
