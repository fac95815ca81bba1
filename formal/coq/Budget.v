(** The budget (SIG-6) lies in [0, 1], never falls when D_hat or coh_star rises nor when r falls: over real numbers, and over binary64
    numbers as programs compute it, which is the formula to the billionth. *)

From Coq Require Import Reals ZArith Lia Lra.
From Flocq Require Import Core.
From Flk Require Import Constants Nano Binary64.
Open Scope R_scope.

Definition clamp (x : R) : R := Rmin 1 (Rmax 0 x).

(** The formula over real numbers. *)
Definition cost (D c r : R) : R :=
  value base + value alpha * (1 - r) + value beta * Rmax 0 (D - value D0) + value gamma * c.
Definition budget (D c r : R) : R := clamp (cost D c r).

(** The same as a program computes it: every constant is the nearest binary64 number, every operation is rounded. *)
Definition constant (n : Z) : R := fl (value n).
Definition cost64 (D c r : R) : R :=
  let saving := fl (constant alpha * fl (1 - r)) in
  let spread := fl (constant beta * Rmax 0 (fl (D - constant D0))) in
  fl (fl (fl (constant base + saving) + spread) + fl (constant gamma * c)).
Definition budget64 (D c r : R) : R := clamp (cost64 D c r).

(** As it is judged (JDG-4): of signals as they are signed, in billionths. *)
Definition judged_budget (D c r : R) : Z := nano (budget64 (round9_64 D) (round9_64 c) (round9_64 r)).

(** * Bounds *)

Lemma clamp_bounded : forall x, 0 <= clamp x <= 1.
Proof. intros x. unfold clamp, Rmin, Rmax. destruct (Rle_dec 0 x), (Rle_dec 1 _); lra. Qed.

Lemma clamp_monotone : forall x y, x <= y -> clamp x <= clamp y.
Proof. intros x y H. unfold clamp. now apply Rle_min_compat_l, Rle_max_compat_l. Qed.

(** The budget lies in [0, 1] (SIG-6). *)
Theorem budget_bounded : forall D c r, 0 <= budget D c r <= 1.
Proof. intros D c r. apply clamp_bounded. Qed.

(** So does what a program computes (SIG-6). *)
Lemma budget64_bounded : forall D c r, 0 <= budget64 D c r <= 1.
Proof. intros D c r. apply clamp_bounded. Qed.

(** So does the budget that is judged: of rounded signals, by binary64 operations, in billionths (SIG-6, JDG-4). *)
Theorem judged_budget_bounded : forall D c r, (0 <= judged_budget D c r <= one)%Z.
Proof.
  intros D c r. destruct (budget64_bounded (round9_64 D) (round9_64 c) (round9_64 r)) as [Hl Hu].
  apply nano_monotone in Hl, Hu. rewrite !nano_integer in *. unfold judged_budget. lia.
Qed.

(** * Directions *)

Lemma value_positive : forall n, (0 <= n)%Z -> 0 <= value n.
Proof.
  intros n Hn. unfold value. apply Rmult_le_pos; [now apply IZR_le |].
  apply Rlt_le, Rinv_0_lt_compat, scale_positive.
Qed.

Lemma constant_positive : forall n, (0 <= n)%Z -> 0 <= constant n.
Proof.
  intros n Hn. unfold constant. rewrite <- (fl_format 0) by apply generic_format_0. now apply fl_monotone, value_positive.
Qed.

(** The budget never falls when D_hat or coh_star rises, nor when r falls (SIG-6). *)
Theorem budget_monotone : forall D1 c1 r1 D2 c2 r2, D1 <= D2 -> c1 <= c2 -> r2 <= r1 -> budget D1 c1 r1 <= budget D2 c2 r2.
Proof.
  intros D1 c1 r1 D2 c2 r2 HD Hc Hr. apply clamp_monotone. unfold cost.
  repeat apply Rplus_le_compat; [apply Rle_refl | | |]; (apply Rmult_le_compat_l; [now apply value_positive | try lra]).
  apply Rle_max_compat_l. lra.
Qed.

(** Nor does what a program computes: rounding is monotone, so no error analysis is needed (SIG-6). *)
Theorem budget64_monotone : forall D1 c1 r1 D2 c2 r2,
  D1 <= D2 -> c1 <= c2 -> r2 <= r1 -> budget64 D1 c1 r1 <= budget64 D2 c2 r2.
Proof.
  intros D1 c1 r1 D2 c2 r2 HD Hc Hr. apply clamp_monotone. unfold cost64.
  repeat (apply fl_monotone, Rplus_le_compat); [apply Rle_refl | | |];
    (apply fl_monotone, Rmult_le_compat_l; [now apply constant_positive | try lra]).
  - apply fl_monotone. lra.
  - apply Rle_max_compat_l, fl_monotone. lra.
Qed.

(** Nor does the budget that is judged (SIG-6, JDG-4). *)
Theorem judged_budget_monotone : forall D1 c1 r1 D2 c2 r2,
  D1 <= D2 -> c1 <= c2 -> r2 <= r1 -> (judged_budget D1 c1 r1 <= judged_budget D2 c2 r2)%Z.
Proof.
  intros D1 c1 r1 D2 c2 r2 HD Hc Hr.
  apply nano_monotone, budget64_monotone; apply fl_monotone; now apply round9_monotone.
Qed.

(** * The program and the formula *)

(** Signals of a valid record (REC-5). *)
Definition valid_signals (D c r : R) : Prop := 0 <= D <= value D_hat_max /\ 0 <= c <= value coh_star_max /\ 0 <= r <= 1.

(** The lower cut never applies to a valid record (SIG-6). *)
Theorem budget_of_valid_signals_is_at_least_base : forall D c r, valid_signals D c r -> value base <= budget D c r.
Proof.
  intros D c r (HD & Hc & Hr).
  assert (Hcost : value base <= cost D c r).
  { unfold cost.
    assert (0 <= value alpha * (1 - r)) by (apply Rmult_le_pos; [now apply value_positive | lra]).
    assert (0 <= value beta * Rmax 0 (D - value D0)) by (apply Rmult_le_pos; [now apply value_positive | apply Rmax_l]).
    assert (0 <= value gamma * c) by (apply Rmult_le_pos; [now apply value_positive | lra]).
    lra. }
  assert (Hbase : value base <= 1).
  { unfold value. apply Rmult_le_reg_r with scale; [apply scale_positive |].
    replace (IZR base / scale * scale) with (IZR base) by (field; apply Rgt_not_eq, scale_positive).
    rewrite Rmult_1_l. now apply IZR_le. }
  unfold budget, clamp. apply Rmin_glb; [easy |]. apply Rle_trans with (1 := Hcost), Rmax_r.
Qed.

(** A unit in the last place of numbers from 1 to 2. *)
Definition ulp1 : R := bpow radix2 (-52).

Local Ltac numbers := unfold value, scale, one, base, alpha, beta, gamma, D0, D_hat_max, coh_star_max, ulp1 in *; simpl bpow in *.

(** Rounding adds at most half a unit in the last place of 2^e to what its argument is off by. *)
Lemma fl_off : forall e x x' d, (-1021 <= e)%Z -> Rabs x' <= bpow radix2 e -> Rabs (x' - x) <= d ->
  Rabs (fl x' - x) <= d + bpow radix2 (e - 54).
Proof.
  intros e x x' d He Hx Hd. apply fl_error in Hx; [| easy].
  replace (fl x' - x) with ((fl x' - x') + (x' - x)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

Lemma product_off : forall x x' y y' d e X Y,
  Rabs (x' - x) <= d -> Rabs (y' - y) <= e -> Rabs x <= X -> Rabs y' <= Y -> Rabs (x' * y' - x * y) <= d * Y + X * e.
Proof.
  intros x x' y y' d e X Y Hd He HX HY. replace (x' * y' - x * y) with ((x' - x) * y' + x * (y' - y)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult.
  apply Rplus_le_compat; apply Rmult_le_compat; try apply Rabs_pos; easy.
Qed.

Lemma max_off : forall x x' d, Rabs (x' - x) <= d -> Rabs (Rmax 0 x' - Rmax 0 x) <= d.
Proof. intros x x' d H. unfold Rmax. destruct (Rle_dec 0 x'), (Rle_dec 0 x); split_Rabs; lra. Qed.

Lemma clamp_off : forall x x' d, Rabs (x' - x) <= d -> Rabs (clamp x' - clamp x) <= d.
Proof.
  intros x x' d H. unfold clamp. apply max_off in H. revert H. generalize (Rmax 0 x) (Rmax 0 x'). intros y y' H.
  unfold Rmin. destruct (Rle_dec 1 y'), (Rle_dec 1 y); split_Rabs; lra.
Qed.

Local Ltac bound :=
  numbers; repeat match goal with H : Rabs _ <= _ |- _ => apply Rabs_le_inv in H end; apply Rabs_le; lra.

(** Below 2^e, what rounding makes of a number that is off by [H]. *)
Local Ltac rounded_within e H :=
  eapply Rle_trans; [apply (fl_off e); [easy | bound | exact H] | numbers; lra].

Lemma constants_off :
  Rabs (constant base - value base) <= ulp1 / 4 /\ Rabs (constant alpha - value alpha) <= ulp1 / 4 /\
  Rabs (constant beta - value beta) <= ulp1 / 4 /\ Rabs (constant gamma - value gamma) <= ulp1 / 4 /\
  Rabs (constant D0 - value D0) <= ulp1.
Proof.
  assert (H : forall x, Rabs (x - x) <= 0) by (intros x; rewrite Rminus_diag_eq, Rabs_R0 by easy; apply Rle_refl).
  repeat split; unfold constant; [rounded_within 0%Z (H (value base)) | rounded_within 0%Z (H (value alpha)) |
    rounded_within 0%Z (H (value beta)) | rounded_within 0%Z (H (value gamma)) | rounded_within 2%Z (H (value D0))].
Qed.

(** On valid signals the program's sum is off by less than 2^-48. *)
Lemma cost64_off : forall D c r, valid_signals D c r -> Rabs (cost64 D c r - cost D c r) <= 10 * ulp1.
Proof.
  intros D c r (HD & Hc & Hr). destruct constants_off as (Hbase & Halpha & Hbeta & Hgamma & HD0).
  unfold cost64, cost. generalize dependent (constant base). intros b Hb.
  generalize dependent (constant alpha). intros a Ha. generalize dependent (constant beta). intros k Hk.
  generalize dependent (constant gamma). intros g Hg. generalize dependent (constant D0). intros d Hd.
  assert (Hs : Rabs (fl (1 - r) - (1 - r)) <= ulp1 / 4).
  { assert (H : Rabs ((1 - r) - (1 - r)) <= 0) by bound. rounded_within 0%Z H. }
  generalize dependent (fl (1 - r)). intros s Hs.
  assert (Has : Rabs (fl (a * s) - value alpha * (1 - r)) <= 2 * ulp1).
  { assert (H : Rabs (a * s - value alpha * (1 - r)) <= ulp1 / 4 * 2 + 1 * (ulp1 / 4)) by (apply product_off; bound || easy).
    rounded_within 1%Z H. }
  generalize dependent (fl (a * s)). intros saving Hsaving.
  assert (Hm : Rabs (Rmax 0 (fl (D - d)) - Rmax 0 (D - value D0)) <= 2 * ulp1).
  { apply max_off. assert (H : Rabs ((D - d) - (D - value D0)) <= ulp1) by bound. rounded_within 2%Z H. }
  assert (Hmax : 0 <= Rmax 0 (D - value D0) <= 2).
  { split; [apply Rmax_l | apply Rmax_lub; numbers; lra]. }
  generalize dependent (Rmax 0 (fl (D - d))). generalize dependent (Rmax 0 (D - value D0)). intros m Hm0 m' Hm.
  assert (Hkm : Rabs (fl (k * m') - value beta * m) <= 4 * ulp1).
  { assert (H : Rabs (k * m' - value beta * m) <= ulp1 / 4 * 4 + 1 * (2 * ulp1)) by (apply product_off; bound || easy).
    rounded_within 1%Z H. }
  generalize dependent (fl (k * m')). intros spread Hspread.
  assert (Hgc : Rabs (fl (g * c) - value gamma * c) <= ulp1).
  { assert (Hc0 : Rabs (c - c) <= 0) by bound.
    assert (H : Rabs (g * c - value gamma * c) <= ulp1 / 4 * 2 + 1 * 0) by (apply product_off; bound || easy).
    rounded_within 0%Z H. }
  generalize dependent (fl (g * c)). intros last Hlast.
  assert (H1 : Rabs (fl (b + saving) - (value base + value alpha * (1 - r))) <= 3 * ulp1).
  { assert (H : Rabs (b + saving - (value base + value alpha * (1 - r))) <= 5 / 2 * ulp1) by bound. rounded_within 0%Z H. }
  generalize dependent (fl (b + saving)). intros sum1 H1.
  assert (H2 : Rabs (fl (sum1 + spread) - (value base + value alpha * (1 - r) + value beta * m)) <= 8 * ulp1).
  { assert (H : Rabs (sum1 + spread - (value base + value alpha * (1 - r) + value beta * m)) <= 7 * ulp1) by bound.
    rounded_within 1%Z H. }
  generalize dependent (fl (sum1 + spread)). intros sum2 H2.
  assert (H : Rabs (sum2 + last - (value base + value alpha * (1 - r) + value beta * m + value gamma * c)) <= 9 * ulp1)
    by bound.
  rounded_within 1%Z H.
Qed.

(** On valid signals the program and the exact formula round to the same billionth, or to neighbours (SIG-6, JDG-4). *)
Theorem budget64_is_the_formula : forall D c r, valid_signals D c r ->
  (Z.abs (nano (budget64 D c r) - nano (budget D c r)) <= 1)%Z.
Proof.
  intros D c r Hvalid. apply cost64_off in Hvalid. apply clamp_off in Hvalid. fold (budget64 D c r) (budget D c r) in Hvalid.
  set (x := budget64 D c r) in *. set (y := budget D c r) in *.
  assert (Hscaled : Rabs (x * scale - y * scale) <= / 2).
  { rewrite <- Rmult_minus_distr_r, <- Rabs_scaled. apply Rle_trans with (10 * ulp1 * scale).
    - apply Rmult_le_compat_r; [apply Rlt_le, scale_positive | easy].
    - numbers. lra. }
  pose proof (nano_half x) as Hx. pose proof (nano_half y) as Hy.
  assert (H : Rabs (IZR (nano x) - IZR (nano y)) < 2).
  { apply Rabs_le_inv in Hscaled, Hx, Hy. apply Rabs_lt. lra. }
  rewrite <- minus_IZR, <- abs_IZR in H. apply lt_IZR in H. lia.
Qed.

(** Away from the ties of the exact sum the order of the operations does not matter: every sum that is off by no more than the
    program's rounds to the billionth that the formula rounds to (SIG-7). *)
Theorem budget_is_stable_away_from_ties : forall D c r, valid_signals D c r -> out_of_reach (10 * ulp1) (budget D c r) ->
  nano (budget64 D c r) = nano (budget D c r) /\
  forall sum, Rabs (sum - cost D c r) <= 10 * ulp1 -> nano (clamp sum) = nano (budget D c r).
Proof.
  intros D c r Hvalid Hreach.
  assert (Hd : 0 <= 10 * ulp1) by (numbers; lra).
  pose proof (proj1 (rounding_reach (budget D c r) (10 * ulp1) Hd) Hreach) as H.
  split; [| intros sum Hsum]; apply H; apply clamp_off; [now apply cost64_off | easy].
Qed.
