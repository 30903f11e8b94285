"""What the workers of the Multi Model Server run.

`service` is the entry point; it calls the handler of the container that the endpoint names. AWS's handlers
for XGBoost and scikit-learn are not on PyPI: those here follow the contract of AWS's containers
(aws/sagemaker-xgboost-container, aws/sagemaker-scikit-learn-container).
"""
