(** The programs on binary64 values themselves (Flocq's IEEE 754 operations): nothing overflows, and they compute what Binary64 and Budget
    say of real numbers. *)

From Coq Require Import Reals ZArith Lia Lra.
From Flocq Require Import Core BinarySingleNaN Binary Bits.
From Flk Require Import Constants Nano Binary64 Budget.
Open Scope R_scope.

Notation real := (B2R 53 1024).
Notation finite := (is_finite 53 1024).

(** [x] is a finite binary64 number of value [v]. *)
Definition stands_for (x : binary64) (v : R) : Prop := finite x = true /\ real x = v.

Definition integer (n : Z) : binary64 := binary_normalize 53 1024 eq_refl eq_refl mode_NE n 0 false.

(** * Sizes *)

Definition within (e : Z) (x : R) : Prop := Rabs x <= bpow radix2 e.

Lemma within_fl : forall e x, (-1074 <= e)%Z -> within e x -> within e (fl x).
Proof.
  intros e x He Hx. apply Rabs_le_inv in Hx as [Hl Hu]. apply fl_monotone in Hl, Hu.
  rewrite fl_opp, fl_format in Hl by now apply format_bpow. rewrite (fl_format (bpow _ _)) in Hu by now apply format_bpow.
  now apply Rabs_le.
Qed.

Lemma within_weaken : forall d e x, (d <= e)%Z -> within d x -> within e x.
Proof. intros d e x He Hx. apply Rle_trans with (1 := Hx). now apply bpow_le. Qed.

Lemma within_plus : forall e x y, within e x -> within e y -> within (e + 1) (x + y).
Proof.
  intros e x y Hx Hy. unfold within in *. rewrite bpow_plus. simpl (bpow radix2 1).
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

Lemma within_mult : forall d e x y, within d x -> within e y -> within (d + e) (x * y).
Proof.
  intros d e x y Hx Hy. unfold within in *. rewrite Rabs_mult, bpow_plus. apply Rmult_le_compat; try apply Rabs_pos; easy.
Qed.

(** * Operations are roundings of the exact results, as long as these are moderate *)

Definition moderate : R -> Prop := within 60.

Lemma no_overflow : forall x, moderate x ->
  Rlt_bool (Rabs (round radix2 (SpecFloat.fexp 53 1024) (round_mode mode_NE) x)) (bpow radix2 1024) = true.
Proof.
  intros x Hx. apply Rlt_bool_true. change (Rabs (fl x) < bpow radix2 1024).
  apply Rle_lt_trans with (bpow radix2 60); [now apply within_fl | now apply bpow_lt].
Qed.

Lemma format_integer : forall n, (Z.abs n < 2 ^ 53)%Z -> format (IZR n).
Proof.
  intros n Hn. apply generic_format_FLT. exists (Float radix2 n 0); [unfold F2R; simpl; ring | easy | easy].
Qed.

Lemma integer_stands_for : forall n, (Z.abs n < 2 ^ 53)%Z -> stands_for (integer n) (IZR n).
Proof.
  intros n Hn.
  assert (Hmoderate : moderate (F2R (Float radix2 n 0))).
  { unfold F2R. simpl. rewrite Rmult_1_r. unfold moderate, within. rewrite <- abs_IZR.
    apply Rle_trans with (IZR (2 ^ 53)); [apply IZR_le; lia | simpl; lra]. }
  pose proof (binary_normalize_correct 53 1024 eq_refl eq_refl mode_NE n 0 false) as H.
  rewrite no_overflow in H by easy. destruct H as (Hr & Hf & _). split; [easy |].
  unfold integer. rewrite Hr. change (fl (F2R (Float radix2 n 0)) = IZR n).
  replace (F2R (Float radix2 n 0)) with (IZR n) by (unfold F2R; simpl; ring). now apply fl_format, format_integer.
Qed.

Lemma plus_stands_for : forall x y u v, stands_for x u -> stands_for y v -> moderate (u + v) ->
  stands_for (b64_plus mode_NE x y) (fl (u + v)).
Proof.
  intros x y u v [Hx <-] [Hy <-] H. apply no_overflow in H.
  pose proof (Bplus_correct 53 1024 eq_refl eq_refl binop_nan_pl64 mode_NE x y Hx Hy) as Hc. rewrite H in Hc.
  now destruct Hc as (Hr & Hf & _).
Qed.

Lemma minus_stands_for : forall x y u v, stands_for x u -> stands_for y v -> moderate (u - v) ->
  stands_for (b64_minus mode_NE x y) (fl (u - v)).
Proof.
  intros x y u v [Hx <-] [Hy <-] H. apply no_overflow in H.
  pose proof (Bminus_correct 53 1024 eq_refl eq_refl binop_nan_pl64 mode_NE x y Hx Hy) as Hc. rewrite H in Hc.
  now destruct Hc as (Hr & Hf & _).
Qed.

Lemma mult_stands_for : forall x y u v, stands_for x u -> stands_for y v -> moderate (u * v) ->
  stands_for (b64_mult mode_NE x y) (fl (u * v)).
Proof.
  intros x y u v [Hx <-] [Hy <-] H. apply no_overflow in H.
  pose proof (Bmult_correct 53 1024 eq_refl eq_refl binop_nan_pl64 mode_NE x y) as Hc. rewrite H in Hc.
  destruct Hc as (Hr & Hf & _). split; [| exact Hr]. now rewrite Hx, Hy in Hf.
Qed.

Lemma div_stands_for : forall x y u v, stands_for x u -> stands_for y v -> v <> 0 -> moderate (u / v) ->
  stands_for (b64_div mode_NE x y) (fl (u / v)).
Proof.
  intros x y u v [Hx <-] [Hy <-] Hv H. apply no_overflow in H.
  pose proof (Bdiv_correct 53 1024 eq_refl eq_refl binop_nan_pl64 mode_NE x y Hv) as Hc. rewrite H in Hc.
  destruct Hc as (Hr & Hf & _). split; [| exact Hr]. now rewrite Hx in Hf.
Qed.

(** [max] and [min] as Python has them: the second only if it is greater, or less. *)
Definition max64 (x y : binary64) : binary64 := match b64_compare y x with Some Gt => y | _ => x end.
Definition min64 (x y : binary64) : binary64 := match b64_compare y x with Some Lt => y | _ => x end.

Lemma max_stands_for : forall x y u v, stands_for x u -> stands_for y v -> stands_for (max64 x y) (Rmax u v).
Proof.
  intros x y u v [Hx <-] [Hy <-]. unfold max64, b64_compare. rewrite Bcompare_correct by easy.
  unfold stands_for, Rmax. destruct (Rcompare_spec (real y) (real x)), (Rle_dec (real x) (real y)); split; easy || lra.
Qed.

Lemma min_stands_for : forall x y u v, stands_for x u -> stands_for y v -> stands_for (min64 x y) (Rmin u v).
Proof.
  intros x y u v [Hx <-] [Hy <-]. unfold min64, b64_compare. rewrite Bcompare_correct by easy.
  unfold stands_for, Rmin. destruct (Rcompare_spec (real y) (real x)), (Rle_dec (real x) (real y)); split; easy || lra.
Qed.

(** * The rounding *)

(** [n] billionths as the quotient of two integers. *)
Definition quotient (n : Z) : binary64 := b64_div mode_NE (integer n) (integer one).

(** The quotient of billionths and 10^9 is the binary64 number nearest to the decimal (C14N-2). *)
Lemma quotient_is_nearest : forall n, (Z.abs n < 2 ^ 53)%Z -> stands_for (quotient n) (fl (value n)).
Proof.
  intros n Hn. apply div_stands_for; try now apply integer_stands_for.
  - apply Rgt_not_eq, scale_positive.
  - apply (within_weaken (53 + 0)); [easy |]. apply within_mult; unfold within.
    + rewrite <- abs_IZR. apply Rle_trans with (IZR (2 ^ 53)); [apply IZR_le; lia | simpl; lra].
    + rewrite Rabs_pos_eq by (apply Rlt_le, Rinv_0_lt_compat, scale_positive). unfold scale, one. simpl. lra.
Qed.

(** Product with 10^9, nearest integer, and a difference that shows no tie near: for a binary64 number below 8 the integer is its
    billionths (C14N-2). *)
Theorem nano_program_is_exact : forall x : binary64, finite x = true -> Rabs (real x) < 8 ->
  let scaled := b64_mult mode_NE x (integer one) in
  let nearest := ZnearestE (real scaled) in
  Rabs (real (b64_minus mode_NE scaled (integer nearest))) < /2 - / 1048576 ->
  nearest = nano (real x).
Proof.
  intros x Hf Hx scaled nearest Hclear.
  assert (Hsize : within 33 (real x * IZR one)).
  { unfold within. rewrite Rabs_mult, (Rabs_pos_eq (IZR one)) by now apply IZR_le. simpl bpow. unfold one. lra. }
  assert (Hscaled : stands_for scaled (fl (real x * IZR one))).
  { apply mult_stands_for; [easy | now apply integer_stands_for | now apply (within_weaken 33)]. }
  assert (Hnearest : (Z.abs nearest <= 2 ^ 33)%Z).
  { destruct Hscaled as [_ Hs]. apply within_fl in Hsize; [| easy]. rewrite <- Hs in Hsize.
    apply Rabs_le_inv in Hsize as [Hl Hu].
    apply (@Zrnd_le ZnearestE _) in Hl, Hu. fold nearest in Hl, Hu.
    change (bpow radix2 33) with (IZR (2 ^ 33)) in Hl, Hu. rewrite <- opp_IZR in Hl.
    rewrite !Zrnd_IZR in * by auto with typeclass_instances. lia. }
  symmetry. apply fast_path_is_exact; [easy |]. revert Hclear.
  assert (Hminus : stands_for (b64_minus mode_NE scaled (integer nearest)) (fl (fl (real x * IZR one) - IZR nearest))).
  { apply minus_stands_for; [easy | apply integer_stands_for; lia |].
    apply (within_weaken (33 + 1)); [easy |]. apply within_plus; [now apply within_fl |].
    unfold within. rewrite Rabs_Ropp, <- abs_IZR. now apply (IZR_le _ (2 ^ 33)). }
  destruct Hminus as [_ ->]. easy.
Qed.

(** A signal as it is signed. *)
Definition round9_program (x : binary64) : binary64 := quotient (nano (real x)).

(** A signal below 8 is rounded without overflow to what Binary64 says (C14N-2). *)
Theorem round9_program_is_round9_64 : forall x : binary64, Rabs (real x) < 8 ->
  stands_for (round9_program x) (round9_64 (real x)).
Proof.
  intros x Hx. apply quotient_is_nearest. apply Rlt_le, Rabs_le_inv in Hx as [Hl Hu].
  apply nano_monotone in Hl, Hu. rewrite <- opp_IZR in Hl. rewrite !nano_integer in *. unfold one in *. lia.
Qed.

(** * The budget *)

Definition budget_program (D c r : binary64) : binary64 :=
  let spread := max64 (integer 0) (b64_minus mode_NE D (quotient D0)) in
  let saving := b64_minus mode_NE (integer 1) r in
  let cost :=
    b64_plus mode_NE
      (b64_plus mode_NE
        (b64_plus mode_NE (quotient base) (b64_mult mode_NE (quotient alpha) saving))
        (b64_mult mode_NE (quotient beta) spread))
      (b64_mult mode_NE (quotient gamma) c) in
  min64 (integer 1) (max64 (integer 0) cost).

(** [x] stands for [v], which is at most 2^e in size. *)
Definition sized (e : Z) (x : binary64) (v : R) : Prop := stands_for x v /\ within e v.

Lemma sized_plus : forall d e x y u v, (-1074 <= Z.max d e + 1 <= 60)%Z ->
  sized d x u -> sized e y v -> sized (Z.max d e + 1) (b64_plus mode_NE x y) (fl (u + v)).
Proof.
  intros d e x y u v He [Hx Wu] [Hy Wv].
  assert (W : within (Z.max d e + 1) (u + v)) by (apply within_plus; [apply (within_weaken d) | apply (within_weaken e)]; easy || lia).
  split; [apply plus_stands_for; try easy; now apply (within_weaken (Z.max d e + 1)) | now apply within_fl].
Qed.

Lemma sized_minus : forall d e x y u v, (-1074 <= Z.max d e + 1 <= 60)%Z ->
  sized d x u -> sized e y v -> sized (Z.max d e + 1) (b64_minus mode_NE x y) (fl (u - v)).
Proof.
  intros d e x y u v He [Hx Wu] [Hy Wv].
  assert (W : within (Z.max d e + 1) (u - v)).
  { apply within_plus; [apply (within_weaken d); easy || lia | apply (within_weaken e); [lia |]].
    unfold within. now rewrite Rabs_Ropp. }
  split; [apply minus_stands_for; try easy; now apply (within_weaken (Z.max d e + 1)) | now apply within_fl].
Qed.

Lemma sized_mult : forall d e x y u v, (-1074 <= d + e <= 60)%Z ->
  sized d x u -> sized e y v -> sized (d + e) (b64_mult mode_NE x y) (fl (u * v)).
Proof.
  intros d e x y u v He [Hx Wu] [Hy Wv].
  assert (W : within (d + e) (u * v)) by now apply within_mult.
  split; [apply mult_stands_for; try easy; now apply (within_weaken (d + e)) | now apply within_fl].
Qed.

Lemma sized_max0 : forall e x v, sized e x v -> sized e (max64 (integer 0) x) (Rmax 0 v).
Proof.
  intros e x v [Hx W]. split; [apply max_stands_for; [now apply integer_stands_for | easy] |].
  apply Rabs_le_inv in W. apply Rabs_le. unfold Rmax. pose proof (bpow_ge_0 radix2 e). destruct (Rle_dec 0 v); lra.
Qed.

Lemma sized_constant : forall n, (Z.abs n <= 4 * one)%Z -> sized 2 (quotient n) (constant n).
Proof.
  intros n Hn. split; [apply quotient_is_nearest; unfold one in Hn; lia |].
  apply within_fl; [easy |]. unfold within. apply Rmult_le_reg_r with scale; [apply scale_positive |].
  rewrite Rabs_scaled, value_scaled, <- abs_IZR. change (bpow radix2 2) with 4. unfold scale. rewrite <- mult_IZR. now apply IZR_le.
Qed.

(** On valid signals every step of the budget is finite, and the result is that of Budget, to the bit (SIG-6). *)
Theorem budget_program_is_budget64 : forall D c r u v w,
  stands_for D u -> stands_for c v -> stands_for r w -> valid_signals u v w ->
  stands_for (budget_program D c r) (budget64 u v w).
Proof.
  intros D c r u v w HD Hc Hr (Hu & Hv & Hw).
  assert (Su : sized 2 D u) by (split; [easy | unfold within, value, scale, one, D_hat_max in *; simpl bpow; apply Rabs_le; lra]).
  assert (Sv : sized 2 c v) by (split; [easy | unfold within, value, scale, one, coh_star_max in *; simpl bpow; apply Rabs_le; lra]).
  assert (Sw : sized 2 r w) by (split; [easy | unfold within; simpl bpow; apply Rabs_le; lra]).
  assert (S1 : sized 2 (integer 1) 1).
  { split; [now apply integer_stands_for | unfold within; simpl bpow; apply Rabs_le; lra]. }
  apply min_stands_for; [now apply integer_stands_for |]. apply (sized_max0 8).
  apply (sized_plus 7 4); [easy | | apply (sized_mult 2 2); [easy | now apply sized_constant | easy]].
  apply (sized_plus 6 5); [easy | | apply (sized_mult 2 3); [easy | now apply sized_constant |]].
  - apply (sized_plus 2 5); [easy | now apply sized_constant |].
    apply (sized_mult 2 3); [easy | now apply sized_constant |]. now apply (sized_minus 2 2).
  - apply sized_max0. apply (sized_minus 2 2); [easy | easy | now apply sized_constant].
Qed.
