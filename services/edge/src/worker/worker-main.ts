import { startWorker } from './worker.ts';

// Entry of a worker process. The primary forks it and tells it everything else over IPC.
startWorker();
