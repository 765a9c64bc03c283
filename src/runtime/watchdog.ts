// Nothing outlives us, not even after kill -9: a shell that holds the other end of a pipe and a list of process groups. When the pipe
// closes, by whatever end of ours, it ends the groups that are still on the list.
import { type ChildProcess, spawn } from 'node:child_process';

/** POSIX shell: `kill -s NAME -- -GROUP` is the one form that all of them know. Reads `add PID` and `drop PID`; at the end of input: SIGTERM to each group, SIGKILL to what is left 2 s later. */
const script = `
trap '' INT TERM HUP
list=' '
while read -r verb pid; do
  case $verb in
    add) list="$list$pid " ;;
    drop) case $list in *" $pid "*) list="\${list%% $pid *} \${list#* $pid }" ;; esac ;;
  esac
done
alive() { for pid in $list; do kill -s 0 -- "-$pid" 2>/dev/null && return 0; done; return 1; }
for pid in $list; do kill -s TERM -- "-$pid" 2>/dev/null; done
for turn in 1 2 3 4 5 6 7 8 9 10; do alive || exit 0; sleep 0.2; done
for pid in $list; do kill -s KILL -- "-$pid" 2>/dev/null; done
exit 0
`;

/**
 * Groups are named by the pid of their leader: a child that was spawned `detached`. A shell that somebody ends is started again, as long as the
 * watchdog is wanted.
 */
export class Watchdog implements AsyncDisposable {
  readonly #groups = new Set<number>();
  #shell: ChildProcess;
  #ended: Promise<void>;
  #isWanted = true;

  constructor() {
    [this.#shell, this.#ended] = this.#start();
  }

  get pid(): number | undefined {
    return this.#shell.pid;
  }

  add(pid: number): void {
    this.#groups.add(pid);
    this.#tell('add', pid);
  }

  drop(pid: number): void {
    this.#groups.delete(pid);
    this.#tell('drop', pid);
  }

  /** Ends whatever is still on the list, then the shell. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isWanted = false;
    this.#shell.ref();
    this.#shell.stdin?.end();
    await this.#ended;
  }

  #tell(verb: 'add' | 'drop', pid: number): void {
    this.#shell.stdin?.write(`${verb} ${pid}\n`);
  }

  #start(): [ChildProcess, Promise<void>] {
    // Detached: Ctrl-C on the terminal must not reach it. Its output would go nowhere.
    const shell = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    shell.stdin?.on('error', () => {}); // a shell that is gone is noticed by its exit
    shell.unref();
    const ended = new Promise<void>((resolve) => {
      shell.once('exit', () => {
        resolve();
        if (this.#isWanted) this.#startAgain();
      });
      shell.once('error', () => resolve()); // there is no shell: starting it again would fail again
    });
    return [shell, ended];
  }

  #startAgain(): void {
    [this.#shell, this.#ended] = this.#start();
    for (const pid of this.#groups) this.#tell('add', pid);
  }
}
