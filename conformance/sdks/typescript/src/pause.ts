const BASE_DELAY = 1;
const MAX_DELAY = 60;
const MAX_ASKED = 3600;

/**
 * Seconds to wait after a failed attempt, the first being 1: full jitter under a ceiling that doubles (OUT-3), on top of
 * what the service asked for (OUT-4). `chance` is drawn evenly from [0, 1).
 */
export function pause(attempt: number, chance: number, retryAfter = 0): number {
  return Math.max(0, Math.min(retryAfter, MAX_ASKED)) + chance * Math.min(MAX_DELAY, BASE_DELAY * 2 ** (attempt - 1));
}
