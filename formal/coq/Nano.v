(** Rounding a real number to billionths, half to even (C14N-2), and when two numbers round alike (C14N-7).

    [nano x] is the integer that stands for [x] in billionths; [round9 x] is the number it stands for. *)

From Coq Require Import Reals ZArith Lia Lra.
From Flocq Require Import Core.
From Flk Require Import Constants.
Open Scope R_scope.

Definition scale : R := IZR one.
Definition nano (x : R) : Z := ZnearestE (x * scale).
Definition value (n : Z) : R := IZR n / scale.
Definition round9 (x : R) : R := value (nano x).

(** The boundary above [k] lies half way between [k] and [k + 1] billionths. [below k x]: [x] is on its lower side, and the boundary
    itself is where its even neighbour is. *)
Definition boundary (k : Z) : R := (IZR k + /2) / scale.
Definition below (k : Z) (x : R) : Prop := x < boundary k \/ (x = boundary k /\ Z.even k = true).

(** The boundary above [k] separates [x] from a greater [y], as C14N-7 words it. *)
Definition separates (k : Z) (x y : R) : Prop :=
  (x < boundary k /\ boundary k < y) \/ (x = boundary k /\ Z.even k = true) \/ (y = boundary k /\ Z.even k = false).

(** No change by at most [d] meets a boundary of [x]: all are further, or none is nearer and they belong to [nano x]. *)
Definition out_of_reach (d x : R) : Prop :=
  let margin := /2 / scale - Rabs (x - round9 x) in
  d < margin \/ (d = margin /\ Z.even (nano x) = true).

(** * What the rounding is *)

Lemma scale_positive : 0 < scale.
Proof. now apply IZR_lt. Qed.

Lemma value_scaled : forall n, value n * scale = IZR n.
Proof. intros n. unfold value. field. apply Rgt_not_eq, scale_positive. Qed.

Lemma boundary_scaled : forall k, boundary k * scale = IZR k + /2.
Proof. intros k. unfold boundary. field. apply Rgt_not_eq, scale_positive. Qed.

Lemma scale_lt : forall x y, x < y <-> x * scale < y * scale.
Proof.
  intros x y. split; intros H.
  - now apply Rmult_lt_compat_r; [apply scale_positive |].
  - now apply Rmult_lt_reg_r with scale; [apply scale_positive |].
Qed.

Lemma scale_eq : forall x y, x = y <-> x * scale = y * scale.
Proof.
  intros x y. split; intros H; [now subst |].
  now apply Rmult_eq_reg_r with scale; [| apply Rgt_not_eq, scale_positive].
Qed.

Lemma Rabs_scaled : forall x, Rabs x * scale = Rabs (x * scale).
Proof. intros x. rewrite Rabs_mult, (Rabs_pos_eq scale); [easy | apply Rlt_le, scale_positive]. Qed.

(** The billionths of [x] and the nearest integer differ by at most a half. *)
Lemma nano_half : forall x, Rabs (x * scale - IZR (nano x)) <= /2.
Proof. intros x. apply Znearest_half. Qed.

Lemma nano_nearest : forall x n, Rabs (x * scale - IZR (nano x)) <= Rabs (x * scale - IZR n).
Proof.
  intros x n. destruct (Z.eq_dec n (nano x)) as [-> | Hn]; [lra |].
  pose proof (nano_half x) as Hhalf.
  destruct (Rle_lt_dec (/2) (Rabs (x * scale - IZR n))) as [H | H]; [lra |].
  now elim Hn; symmetry; apply Znearest_imp.
Qed.

Lemma even_of_two : forall n m, IZR n - IZR m = 1 -> Z.even n = negb (Z.even m).
Proof.
  intros n m H. rewrite <- minus_IZR in H. apply eq_IZR in H.
  replace n with (Z.succ m) by lia. now rewrite Z.even_succ, <- Z.negb_even.
Qed.

Lemma nano_ties_to_even : forall x, Rabs (x * scale - IZR (nano x)) = /2 -> Z.even (nano x) = true.
Proof.
  intros x. unfold nano. set (u := x * scale). unfold Znearest.
  pose proof (Zfloor_lb u) as Hl. pose proof (Zfloor_ub u) as Hu. pose proof (Zceil_ub u) as Hc.
  destruct (Rcompare_spec (u - IZR (Zfloor u)) (/2)) as [H | H | H]; intros Hd.
  - rewrite Rabs_pos_eq in Hd; lra.
  - case_eq (Z.even (Zfloor u)); intros He; simpl; [easy |].
    rewrite (Zceil_floor_neq u) by lra.
    now rewrite (even_of_two _ (Zfloor u)), He by (rewrite plus_IZR; lra).
  - rewrite (Zceil_floor_neq u) in * by lra. rewrite plus_IZR in Hd.
    rewrite Rabs_left1 in Hd; lra.
Qed.

(** These two properties say which integer it is. *)
Lemma nano_unique : forall x n,
  Rabs (x * scale - IZR n) <= /2 -> (Rabs (x * scale - IZR n) = /2 -> Z.even n = true) -> n = nano x.
Proof.
  intros x n Hn He. destruct (Rle_lt_or_eq_dec _ _ Hn) as [Hlt | Heq].
  { symmetry. now apply Znearest_imp. }
  pose proof (nano_half x) as Hm. pose proof (nano_ties_to_even x) as Hme.
  specialize (He Heq).
  assert (Hcases : IZR n - IZR (nano x) = 0 \/ IZR n - IZR (nano x) = 1 \/ IZR (nano x) - IZR n = 1).
  { assert (Hb : Rabs (IZR n - IZR (nano x)) <= 1) by (split_Rabs; lra).
    rewrite <- minus_IZR, <- abs_IZR in Hb. apply le_IZR in Hb.
    rewrite <- !minus_IZR. destruct (Z_le_gt_dec (n - nano x) (-1)); [right; right; apply f_equal; lia |].
    destruct (Z_le_gt_dec (n - nano x) 0); [left; apply f_equal; lia | right; left; apply f_equal; lia]. }
  destruct Hcases as [H | [H | H]].
  - apply eq_IZR. lra.
  - assert (Hd : Rabs (x * scale - IZR (nano x)) = /2) by (split_Rabs; lra).
    apply Hme in Hd. apply even_of_two in H. rewrite Hd, He in H. discriminate.
  - assert (Hd : Rabs (x * scale - IZR (nano x)) = /2) by (split_Rabs; lra).
    apply Hme in Hd. apply even_of_two in H. rewrite Hd, He in H. discriminate.
Qed.

(** [nano x] is the integer nearest to [x] in billionths, and of two equally near the even one (C14N-2). *)
Theorem nano_iff : forall x n,
  nano x = n <-> Rabs (x * scale - IZR n) < /2 \/ (Rabs (x * scale - IZR n) = /2 /\ Z.even n = true).
Proof.
  intros x n. split.
  - intros <-. destruct (Rle_lt_or_eq_dec _ _ (nano_half x)) as [H | H]; [now left | right].
    split; [easy | now apply nano_ties_to_even].
  - intros H. symmetry. apply nano_unique; intuition lra.
Qed.

(** A greater number never rounds to less (C14N-2). *)
Lemma nano_monotone : forall x y, x <= y -> (nano x <= nano y)%Z.
Proof.
  intros x y H. unfold nano. apply Zrnd_le; auto with typeclass_instances. apply Rmult_le_compat_r; [apply Rlt_le, scale_positive | easy].
Qed.

(** Rounding is the same on both sides of zero (C14N-2). *)
Lemma nano_odd : forall x, nano (- x) = (- nano x)%Z.
Proof.
  intros x. symmetry. apply nano_unique; rewrite opp_IZR;
    replace (- x * scale - - IZR (nano x)) with (- (x * scale - IZR (nano x))) by ring; rewrite Rabs_Ropp.
  - apply nano_half.
  - rewrite Z.even_opp. apply nano_ties_to_even.
Qed.

Lemma nano_value : forall n, nano (value n) = n.
Proof. intros n. unfold nano. rewrite value_scaled. apply Zrnd_IZR; auto with typeclass_instances. Qed.

(** Rounding a rounded number changes nothing (C14N-7). *)
Theorem round9_idempotent : forall x, round9 (round9 x) = round9 x.
Proof. intros x. unfold round9. now rewrite nano_value. Qed.

Lemma round9_monotone : forall x y, x <= y -> round9 x <= round9 y.
Proof.
  intros x y H. unfold round9, value. apply Rmult_le_compat_r.
  - apply Rlt_le, Rinv_0_lt_compat, scale_positive.
  - now apply IZR_le, nano_monotone.
Qed.

(** * When two numbers round alike *)

Lemma nano_cell : forall x k, (nano x <= k)%Z <-> below k x.
Proof.
  intros x k. unfold below. rewrite scale_lt, scale_eq, boundary_scaled.
  destruct (proj1 (nano_iff x (nano x)) eq_refl) as [Hn | [Hn He]]; split; intros H.
  - apply IZR_le in H. left. split_Rabs; lra.
  - apply Z.nlt_ge. intros Hk. apply Zlt_le_succ, IZR_le in Hk. rewrite succ_IZR in Hk. split_Rabs; lra.
  - destruct (Z_le_lt_eq_dec _ _ H) as [Hlt | Heq].
    + apply Zlt_le_succ, IZR_le in Hlt. rewrite succ_IZR in Hlt. left. split_Rabs; lra.
    + rewrite <- Heq. destruct (Rlt_le_dec (x * scale) (IZR (nano x) + /2)); [now left |].
      right. split; [split_Rabs; lra | easy].
  - apply Z.nlt_ge. intros Hk. apply Zlt_le_succ in Hk.
    destruct (Z_le_lt_eq_dec _ _ Hk) as [Hlt | Heq].
    + apply Zlt_le_succ, IZR_le in Hlt. rewrite !succ_IZR in Hlt. split_Rabs; lra.
    + rewrite <- Heq in *. rewrite succ_IZR in Hn. rewrite Z.even_succ, <- Z.negb_even in He.
      destruct H as [H | [H Hk']]; [split_Rabs; lra | now rewrite Hk' in He].
Qed.

Lemma separates_below : forall x y k, x < y -> (separates k x y <-> below k x /\ ~ below k y).
Proof.
  intros x y k Hxy. unfold separates, below. destruct (Z.even k); split.
  - intros [H | [H | H]]; [split; [left | intros []] | split; [right | intros []] |]; lra || easy || intuition lra.
  - intros [[H | H] Hy]; [| right; left; intuition lra].
    destruct (Rlt_le_dec (boundary k) y); [left; lra | elim Hy].
    destruct (Req_dec y (boundary k)); [right; intuition lra | left; lra].
  - intros [H | [H | H]]; [| easy |]; (split; [left; lra | intros [Hy | [_ Hy]]; [lra | discriminate]]).
  - intros [[H | [_ H]] Hy]; [| discriminate].
    destruct (Rlt_le_dec (boundary k) y); [left; lra |]. destruct (Req_dec y (boundary k)); [right; right; easy |].
    elim Hy. left. lra.
Qed.

(** Two numbers round alike exactly when no boundary separates them (C14N-7). *)
Theorem rounding_stability : forall x y, x < y -> (nano x = nano y <-> forall k, ~ separates k x y).
Proof.
  intros x y Hxy. split.
  - intros H k Hk. apply separates_below in Hk; [| easy]. destruct Hk as [Hx Hy].
    apply Hy. apply nano_cell. rewrite <- H. now apply nano_cell.
  - intros H. apply Z.le_antisymm; [apply nano_monotone; lra |]. apply nano_cell.
    specialize (H (nano x)). rewrite separates_below in H by easy.
    assert (Hx : below (nano x) x) by now apply nano_cell. 
    destruct (Z_le_gt_dec (nano y) (nano x)) as [Hle | Hgt]; [now apply nano_cell |].
    elim H. split; [easy |]. intros Hy. apply nano_cell in Hy. lia.
Qed.

(** How far a number may move and round alike: exactly as far as no boundary comes into reach (C14N-7). *)
Theorem rounding_reach : forall x d, 0 <= d ->
  (out_of_reach d x <-> forall y, Rabs (y - x) <= d -> nano y = nano x).
Proof.
  intros x d Hd. pose proof scale_positive as Hs. set (n := nano x).
  assert (Hds : 0 <= d * scale) by (apply Rmult_le_pos; lra).
  transitivity (Rabs (x * scale - IZR n) + d * scale < /2 \/
                (Rabs (x * scale - IZR n) + d * scale = /2 /\ Z.even n = true)).
  { assert (Hm : (/2 / scale - Rabs (x - round9 x)) * scale = /2 - Rabs (x * scale - IZR n)).
    { rewrite Rmult_minus_distr_r. rewrite Rabs_scaled, (Rmult_minus_distr_r _ x).
      unfold round9. rewrite value_scaled. fold n. field_simplify; lra. }
    unfold out_of_reach. fold n. rewrite scale_lt, scale_eq, Hm. intuition lra. }
  split.
  - intros H y Hy. apply nano_iff.
    assert (Hys : Rabs (y * scale - x * scale) <= d * scale)
      by (rewrite <- Rmult_minus_distr_r, <- Rabs_scaled; apply Rmult_le_compat_r; lra).
    destruct (Rlt_le_dec (Rabs (y * scale - IZR n)) (/2)); [now left | right].
    destruct H as [H | [H He]]; split; try easy; split_Rabs; lra.
  - intros H.
    assert (Hup : nano (x + d) = n) by (apply H; split_Rabs; lra).
    assert (Hdown : nano (x - d) = n) by (apply H; split_Rabs; lra).
    apply nano_iff in Hup, Hdown.
    replace ((x + d) * scale - IZR n) with ((x * scale - IZR n) + d * scale) in Hup by ring.
    replace ((x - d) * scale - IZR n) with ((x * scale - IZR n) - d * scale) in Hdown by ring.
    destruct (Rle_lt_dec 0 (x * scale - IZR n)) as [Hx | Hx].
    + rewrite (Rabs_pos_eq (x * scale - IZR n)) by easy. now rewrite Rabs_pos_eq in Hup by lra.
    + rewrite (Rabs_left (x * scale - IZR n)) by easy. rewrite Rabs_left1 in Hdown by lra.
      destruct Hdown as [Hdown | [Hdown He]]; [left; lra | right; split; [lra | easy]].
Qed.

(** * The popular claim, refuted: that numbers closer than half a billionth round alike *)

Definition popular_claim (rounded : R -> Z) : Prop :=
  forall x y, Rabs (x - y) < /2 / scale -> rounded x = rounded y.

(** Half a billionth rounds to 0, a tenth of a billionth more rounds to 1 (C14N-7). *)
Theorem popular_claim_counterexample :
  let x := value 0 + (5 / 10) / scale in
  let y := value 0 + (6 / 10) / scale in
  Rabs (x - y) < /2 / scale /\ nano x = 0%Z /\ nano y = 1%Z.
Proof.
  pose proof scale_positive as Hs. cbv zeta. split; [| split; apply nano_iff].
  - apply Rmult_lt_reg_r with scale; [easy |]. rewrite Rabs_scaled.
    replace (_ * scale) with (- (1 / 10)) by (field; lra). replace (/2 / scale * scale) with (/2) by (field; lra).
    split_Rabs; lra.
  - right. split; [| easy]. rewrite Rmult_plus_distr_r, value_scaled.
    replace (_ / scale * scale) with (5 / 10) by (field; lra). split_Rabs; lra.
  - left. rewrite Rmult_plus_distr_r, value_scaled.
    replace (_ / scale * scale) with (6 / 10) by (field; lra). split_Rabs; lra.
Qed.

(** It is false that numbers closer than half a billionth round alike (C14N-7). *)
Theorem popular_claim_false : ~ popular_claim nano.
Proof.
  intros H. destruct popular_claim_counterexample as (Hxy & Hx & Hy). specialize (H _ _ Hxy).
  rewrite Hx, Hy in H. discriminate.
Qed.

(** No rounding to a neighbour keeps every two close numbers together, however close they are to be (C14N-7). *)
Theorem no_rounding_is_stable : forall (rounded : R -> Z) d,
  (forall x, Rabs (x * scale - IZR (rounded x)) < 1) -> 0 < d ->
  ~ (forall x y, Rabs (x - y) < d -> rounded x = rounded y).
Proof.
  intros rounded d Hnear Hd H.
  assert (Hsteps : forall k, rounded (INR k * (d / 2)) = rounded 0).
  { induction k as [| k IH]; [now rewrite Rmult_0_l |].
    rewrite <- IH. apply H. rewrite S_INR. replace (_ - _) with (d / 2) by ring. rewrite Rabs_pos_eq; lra. }
  pose proof scale_positive as Hs.
  destruct (archimed_cor1 (d / 2 * scale / 2)) as (k & Hk & Hk0).
  { assert (0 < d / 2 * scale) by (apply Rmult_lt_0_compat; lra). lra. }
  pose proof (Hnear 0) as H0. pose proof (Hnear (INR k * (d / 2))) as H1. rewrite Hsteps in H1.
  rewrite Rmult_0_l in H0.
  assert (Hkpos : 0 < INR k) by now apply lt_0_INR.
  assert (Hbig : 2 < INR k * (d / 2) * scale).
  { apply Rmult_lt_reg_l with (/ INR k); [now apply Rinv_0_lt_compat |].
    replace (/ INR k * (INR k * (d / 2) * scale)) with (d / 2 * scale) by (field; lra). lra. }
  split_Rabs; lra.
Qed.
