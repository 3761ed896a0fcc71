// What reclaim/metrics/costs.yaml calls "measured": run it on your machine and put your numbers in.
//     gcc -O2 benchmarks/costs.c -o /tmp/costs && /tmp/costs
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 20000, ROUNDS = 5, PAGE = 4096 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const char *name, double *ns)
{
	qsort(ns, ROUNDS, sizeof *ns, ascending);
	printf("%-36s %8.1f ns\n", name, ns[ROUNDS / 2]);
}

static void touch(char *memory, int value)
{
	for (size_t i = 0; i < PAGES; i++)
		memory[i * PAGE] = value;
}

int main(void)
{
	double fault[ROUNDS], fork_pte[ROUNDS], copy[ROUNDS], zap[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		char *memory = mmap(0, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(memory, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
		double start = now();
		touch(memory, 1);
		fault[round] = (now() - start) / PAGES;

		int pipes[2];
		if (pipe(pipes))
			return 1;
		start = now();
		pid_t child = fork();
		if (child == 0) {  // holds the pages shared until the parent has copied them
			char byte;
			_exit(read(pipes[0], &byte, 1) != 1);
		}
		fork_pte[round] = (now() - start) / PAGES;
		start = now();
		touch(memory, 2);
		copy[round] = (now() - start) / PAGES;
		if (write(pipes[1], "x", 1) != 1)
			return 1;
		waitpid(child, 0, 0);
		close(pipes[0]);
		close(pipes[1]);

		start = now();
		munmap(memory, (size_t)PAGES * PAGE);
		zap[round] = (now() - start) / PAGES;
	}
	report("first touch (minor fault)", fault);
	report("fork, per PTE", fork_pte);
	report("copying write fault", copy);
	report("munmap, per PTE", zap);

	// A random cycle through 256 MB, one node a cache line: every load waits for the one before.
	size_t nodes = (size_t)1 << 22;
	unsigned *line = malloc(nodes * 64), *order = malloc(nodes * sizeof *order);
	for (size_t i = 0; i < nodes; i++)
		order[i] = i;
	unsigned seed = 1;
	for (size_t i = nodes - 1; i > 0; i--) {
		seed = seed * 1664525u + 1013904223u;
		size_t j = ((unsigned long)seed * i) >> 32;
		unsigned other = order[i];
		order[i] = order[j];
		order[j] = other;
	}
	for (size_t i = 0; i < nodes; i++)
		line[i * 16] = order[i];
	double load[ROUNDS], atomic[ROUNDS];
	unsigned at = 0;
	int word = 0;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now();
		for (int i = 0; i < 1000000; i++)
			at = line[(size_t)at * 16];
		load[round] = (now() - start) / 1e6;
		start = now();
		for (int i = 0; i < 10000000; i++)
			__sync_lock_test_and_set(&word, i);
		atomic[round] = (now() - start) / 1e7;
	}
	report("dependent load, 256 MB", load);
	report("uncontended atomic exchange", atomic);
	return at == 0xffffffff;
}
