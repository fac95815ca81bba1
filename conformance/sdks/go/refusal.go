package flk

import "fmt"

// Refusal says which requirement of the specification an input breaks.
type Refusal struct {
	Requirement string  // its id, such as REC-5
	Field       *string // the record's field at fault, nil where no one field is; a sender may have called it anything (REC-3)
	Detail      string  // a sentence for people
}

// Error names the requirement and says what is wrong.
func (r *Refusal) Error() string { return r.Requirement + ": " + r.Detail }

func refuse(requirement, detail string, values ...any) *Refusal {
	return &Refusal{Requirement: requirement, Detail: fmt.Sprintf(detail, values...)}
}

func refuseField(requirement, field, detail string, values ...any) *Refusal {
	refusal := refuse(requirement, detail, values...)
	refusal.Field = &field
	return refusal
}
