"""What runs the model's programs in a region: the node, its log device, its background rounds, tiers, migration and audit workers.

Each asks for what is around it by the small protocols of `parts`; how programs decide is the model's business.
"""
