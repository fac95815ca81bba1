import { converse } from "../flk-subject/converse.js";
import { answer } from "./bench.js";

await converse(answer);
