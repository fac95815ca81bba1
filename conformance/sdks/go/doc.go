// Package flk makes, signs, checks and judges Proof-of-Computation Summaries.
//
// An agent calls [Summarise] on its data, [Record.SignWith] with its key, and hands the bytes of [Record.Encode] to an outbox
// (package flk.example/sdk/outbox), which delivers them. Whoever receives such bytes calls [Parse] and [Keyring.Authenticate].
//
// Where a rule of the specification is broken, the error is a [*Refusal], which names the requirement. The package uses
// nothing but the standard library, and nothing in it depends on the clock, the locale or the machine.
package flk
