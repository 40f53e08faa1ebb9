// SPDX-License-Identifier: Apache-2.0
#include "model/loading/probe_texts.h"

namespace neso {
namespace {

// Never changed without need: figures of two builds are comparable only on the same texts.
// NOLINTBEGIN(bugprone-suspicious-missing-comma): long texts are joined from lines
constexpr std::string_view kTexts[] = {
    // Short.
    "a",
    "Where is the retry logic?",
    "return a + b;",
    "Der Zug nach Zürich fährt um 7:45 Uhr ab.",
    "Yes, it is.",
    "42",
    "How do I reset my password?",
    "cannot open shared object file: No such file or directory",
    "parse a date from a string",
    "What is the capital of Australia?",
    "SELECT name FROM users WHERE id = ?;",
    "git rebase --onto main feature~3 feature",
    "Water boils at a lower temperature in the mountains.",
    "The cat sat on the mat.",
    "A cat was sitting on a rug.",
    "Stock markets fell sharply on Monday.",
    "std::vector<std::unique_ptr<Node>> children_;",
    "user@example.com",
    "https://example.org/search?q=embedding&page=2",
    "L'hiver, les oiseaux partent vers le sud.",
    "¿Dónde está la biblioteca?",
    "Быстрая лиса прыгает через забор.",
    "机器学习模型把文本变成向量。",
    "検索エンジンは文書を並べ替える。",
    "القطار يصل في الساعة السابعة.",
    "मौसम आज बहुत अच्छा है।",
    "🙂 👍 🚀",
    "naïve façade coöperate résumé",
    "ISO 8601: 2024-02-29T23:59:60Z",
    "Shopping list: milk, eggs, bread",
    "HTTP 503 Service Unavailable, Retry-After: 5",
    // Sentences and paragraphs.
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen. It takes place in "
    "the chloroplasts of plants and algae, and nearly all life on Earth depends on it directly or "
    "indirectly.",
    "A bank may ask for a larger deposit when interest rates rise, because a borrower who could "
    "pay last year may not be able to pay next year.",
    "The river bank was covered with reeds, and a heron stood in the shallow water waiting for "
    "fish.",
    "Unless the tenant gives notice in writing at least three months before the end of the term, "
    "the lease is renewed for one further year on the same conditions.",
    "To make the dough, mix flour, water, salt and yeast, knead it for ten minutes and let it rest "
    "in a warm place until it has doubled. Fold it twice, shape it, and bake it at 230 degrees for "
    "half an hour.",
    "Patients who received the new drug recovered two days earlier on average than those who "
    "received a placebo (p = 0.03, n = 412), but side effects were more common.",
    "The orchestra had rehearsed the second movement for weeks, yet on the evening of the concert "
    "the first horn missed his entry, and for eight bars nobody in the hall dared to breathe.",
    "A queue that is never empty hides the slowest worker; measure how long an item waits, not how "
    "many are waiting.",
    "Users can't log in after the update. The page reloads without an error, the cookie is set, "
    "but the session is gone on the next request. Clearing the cache helps for an hour or so. "
    "Happens with two replicas, not with one.",
    "Release notes: the importer now skips rows without a key instead of stopping, the exporter "
    "writes UTF-8 with line feeds only, and the option --legacy-dates was removed after two years "
    "of warnings.",
    "In the year 1815 the eruption of Mount Tambora threw so much ash into the upper atmosphere "
    "that the following year had no summer in Europe and North America; harvests failed, prices of "
    "grain doubled, and whole villages left for the west.",
    "The committee shall consist of not fewer than five and not more than nine members, of whom at "
    "least two shall be independent of the company. Members are appointed for a term of three "
    "years and may be appointed again once.",
    "Goalkeeper saves, rebound, shot again, and this time it goes in off the post: two all with a "
    "minute left to play.",
    "Le conseil municipal a voté hier soir la construction d'une nouvelle école près de la gare, "
    "malgré l'opposition de plusieurs habitants qui craignent davantage de circulation.",
    "Die Maschine darf nur mit geschlossener Schutzhaube betrieben werden. Vor dem Wechsel des "
    "Werkzeugs ist der Netzstecker zu ziehen und der Stillstand der Spindel abzuwarten.",
    // Code and configuration.
    R"text(def binary_search(items, target):
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low)text",
    R"text(// Retries a call until it succeeds or the attempts are used up.
async function retry(call, attempts = 3, delayMs = 100) {
  for (let i = 0; ; ++i) {
    try {
      return await call();
    } catch (error) {
      if (i + 1 >= attempts) throw error;
      await new Promise((done) => setTimeout(done, delayMs << i));
    }
  }
})text",
    R"text(template <typename T>
class RingBuffer {
 public:
  explicit RingBuffer(size_t capacity) : items_(capacity) {}
  bool push(T item) {
    if (size_ == items_.size()) return false;
    items_[(head_ + size_++) % items_.size()] = std::move(item);
    return true;
  }
 private:
  std::vector<T> items_;
  size_t head_ = 0;
  size_t size_ = 0;
};)text",
    R"text(CREATE TABLE orders (
  id BIGINT PRIMARY KEY,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  placed_at TIMESTAMP NOT NULL DEFAULT now(),
  total_cents INTEGER CHECK (total_cents >= 0)
);
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);)text",
    R"text(fn word_counts(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    counts
})text",
    R"text(func (s *Server) handleUpload(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 10<<20)
	file, header, err := r.FormFile("file")
	if err != nil {
		http.Error(w, "no file in the request", http.StatusBadRequest)
		return
	}
	defer file.Close()
	log.Printf("received %s, %d bytes", header.Filename, header.Size)
})text",
    R"text(#!/bin/sh
set -eu
for file in "$@"; do
  sum=$(sha256sum "$file" | cut -d ' ' -f 1)
  mv -- "$file" "$(dirname "$file")/$sum.bin"
done)text",
    R"text({"name": "web", "replicas": 3, "image": "web:1.4", "ports": [{"containerPort": 8080}],
 "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}}})text",
    R"text(Traceback (most recent call last):
  File "load.py", line 12, in <module>
    rows = [int(cell) for cell in line.split(",")]
ValueError: invalid literal for int() with base 10: 'n/a' )text",
    R"text(.card { display: grid; grid-template-columns: 1fr 2fr; gap: 1rem; }
.card:hover > img { transform: scale(1.05); transition: transform 150ms ease-out; })text",
    R"text(static void softmax(float *x, int n) {
  float max = x[0], sum = 0;
  for (int i = 1; i < n; i++) if (x[i] > max) max = x[i];
  for (int i = 0; i < n; i++) sum += x[i] = expf(x[i] - max);
  for (int i = 0; i < n; i++) x[i] /= sum;
})text",
    R"text(FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ cmake ninja-build
COPY . /src
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release && ninja -C /build)text",
    // Longer than many models take.
    R"text(A lighthouse keeper's day began before dusk. He climbed the two hundred and seven steps with a can of oil in each hand,
trimmed the wicks, polished the lenses until no smear was left, and wound the weight that turned the lamp. Then he
waited. On clear nights he could count the lights of eleven ships between the headland and the islands, and he wrote
each of them into the book, with the hour and the direction of the wind, as the keeper before him had done and the one
before that. In fog he fired the signal gun every fifteen minutes and slept in between, if at all, sitting in the chair
by the stove with his boots on. In forty years he saw three wrecks. He remembered the names of everyone who was brought
ashore, and the names of those who were not, and when visitors asked him whether he had not been lonely, he would
point at the book. When the lamp was made electric, a man from the harbour board came with a switch in a grey box. It
would turn itself on when it grew dark, he explained, and off when it grew light, and nobody need climb the stairs any
more than once a month. The keeper thanked him, signed the receipt, and that evening went up all the same.)text",
    R"text(The log-structured merge tree trades reads for writes. Writes go to a table in memory and to a log on disk; when the
table is full, it becomes a sorted file that never changes. A read looks in memory first, then in the files from the
newest to the oldest, and a filter for each file says in which of them the key cannot be. So that reads do not become
slower for ever, files are merged in the background: several small ones become a large one, of each key only the newest
value is kept, and what was deleted is finally left out. How eagerly to merge is the choice that matters. Leveled
compaction keeps one sorted run for each level, each ten times larger than the one above, so a read touches few files,
but each byte is rewritten many times. Tiered compaction lets several runs gather in a level before it merges them, so
each byte is rewritten seldom, but a read looks into more files and deleted data occupies space for longer. Under a
heavy load the merging falls behind, files pile up in the first level, and the store has to slow its writers down; if it
does so late and suddenly, the users notice, and if it does so early and gently, nobody does.)text",
    R"text(class Scheduler:
    """Runs jobs by priority, at most `limit` at a time; a job that fails is tried again, later and later."""

    def __init__(self, limit, clock, attempts=5):
        self.limit = limit
        self.clock = clock
        self.attempts = attempts
        self.waiting = []
        self.running = {}
        self.counter = itertools.count()

    def submit(self, job, priority=0, not_before=0.0, attempt=1):
        entry = (not_before, -priority, next(self.counter), attempt, job)
        heapq.heappush(self.waiting, entry)

    def step(self):
        for future in [f for f in self.running if f.done()]:
            priority, attempt, job = self.running.pop(future)
            error = future.exception()
            if error is None:
                continue
            if attempt >= self.attempts:
                logging.error("job %s failed %d times, giving up: %s", job.name, attempt, error)
                continue
            delay = min(60.0, 0.5 * 2 ** attempt) * random.uniform(0.8, 1.2)
            self.submit(job, priority, self.clock() + delay, attempt + 1)
        while self.waiting and len(self.running) < self.limit and self.waiting[0][0] <= self.clock():
            _, negative, _, attempt, job = heapq.heappop(self.waiting)
            self.running[job.start()] = (-negative, attempt, job))text",
    R"text(#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads exactly n bytes, or fewer at the end of the stream; -1 with errno on an error. */
static ssize_t read_full(int fd, void *buffer, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t got = read(fd, (char *)buffer + done, n - done);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    done += (size_t)got;
  }
  return (ssize_t)done;
}

/* A frame is a length of four bytes, most significant first, and as many bytes. */
int read_frame(int fd, unsigned char *frame, size_t capacity, size_t *length) {
  unsigned char head[4];
  ssize_t got = read_full(fd, head, sizeof head);
  if (got == 0) return 0;
  if (got != (ssize_t)sizeof head) return -1;
  *length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
  if (*length > capacity) {
    fprintf(stderr, "a frame of %zu bytes is larger than the buffer of %zu\n", *length, capacity);
    errno = EMSGSIZE;
    return -1;
  }
  return read_full(fd, frame, *length) == (ssize_t)*length ? 1 : -1;
})text",
    R"text(Question: our nightly job that copies invoices to the archive takes nine hours since the migration, before it took two.
The database is not busy, the network is not busy, and the archive answers within twenty milliseconds. What we have
tried so far: larger batches (no change), two workers instead of one (a bit faster, then deadlocks), an index on the
status column (slower). Answer: look at how the rows are fetched. After the migration the driver reads with a page size
of ten, and every page asks for the rows that come after an offset, so the server counts through all earlier rows again
and again. That is quadratic: cheap in the first minutes, hopeless in the ninth hour. Ask for the rows whose id is
greater than the last one seen, ordered by id, with a page of a thousand. The deadlocks come from updating the status of
the rows in an order that differs between the workers; update them in the order of their ids and they go away. The index
on the status column made every update touch one more page, and nothing ever looks for a status alone. Follow-up: down
to fifty minutes, thank you. We kept a single worker.)text",
    R"text(It was agreed that the water of the spring belonged to both farms, from sunrise until noon to the upper one and from
noon until sunset to the lower one, and at night to nobody, so that the pond might fill. For two generations this was
enough. Then the upper farm planted an orchard, and the trees drank more than the rye had done; the lower farm bought
forty sheep; and a summer came in which there was no rain from May until the end of August. The first quarrel was about
a board that somebody had left in the ditch. The second was about a ditch that somebody had dug at night. By the time
the third one reached the judge in town, nobody spoke of water any more, only of what a grandfather had or had not said
beside the well, before witnesses who were all dead. The judge had the spring measured. It gave, he announced, eleven
buckets in an hour, in that summer as in every other, since the measurements began; what had changed was only how many
people believed they could not do without it. He gave each of them the judgement they had asked for, and the costs.)text",
};
// NOLINTEND(bugprone-suspicious-missing-comma)

}  // namespace

std::span<const std::string_view> probe_texts() {
  return kTexts;
}

}  // namespace neso
